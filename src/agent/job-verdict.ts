/** From how a job's processes ended to what is reported: a pure function. */
import { constants } from "node:os";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { durationText } from "./duration-text.ts";
import { type LimitHit, sizeText } from "./job-limits.ts";

/** Why the agent itself ended the job; the first cause stays. */
export type Stop =
  | { readonly cause: "cancelled"; readonly reason: string }
  | { readonly cause: "timed-out"; readonly afterMs: number }
  | { readonly cause: "out-of-memory"; readonly bytes: number };

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Verdict {
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly signal: string;
  readonly reason: string;
}

export interface VerdictInput {
  readonly exit: ProcessExit;
  readonly stop: Stop | undefined;
  /** A limit that the kernel held it to. */
  readonly limitHit: LimitHit | undefined;
  /** What is wrong with what it leaves behind: fails a job that went well otherwise. */
  readonly problem: string | undefined;
}

export function verdict({ exit, stop, limitHit, problem }: VerdictInput): Verdict {
  const { exitCode, signal } = codeAndSignal(exit);
  if (stop?.cause === "cancelled") {
    const reason = stop.reason === "" ? "cancelled" : `cancelled: ${stop.reason}`;
    return { outcome: Outcome.CANCELLED, exitCode, signal, reason };
  }
  if (stop?.cause === "timed-out") {
    const reason = `timed out after ${durationText(stop.afterMs)}`;
    return { outcome: Outcome.TIMED_OUT, exitCode, signal, reason };
  }
  // Also where the script went on without the process that was killed: what it did then is anybody's guess.
  if (stop?.cause === "out-of-memory" || limitHit?.limit === "memory") {
    const reason = `killed: ${sizeText(memoryLimit(stop, limitHit))} memory limit`;
    return { outcome: Outcome.FAILED, exitCode, signal, reason };
  }
  if (signal !== "" || exitCode !== 0) {
    const how = signal === "" ? `exit code ${exitCode}` : `killed by ${signal}`;
    return { outcome: Outcome.FAILED, exitCode, signal, reason: how + refusedProcess(limitHit) };
  }
  if (problem !== undefined) {
    return { outcome: Outcome.FAILED, exitCode, signal, reason: problem };
  }
  return { outcome: Outcome.SUCCEEDED, exitCode, signal, reason: "" };
}

function memoryLimit(stop: Stop | undefined, hit: LimitHit | undefined): number {
  if (stop?.cause === "out-of-memory") return stop.bytes;
  return hit?.limit === "memory" ? hit.bytes : 0;
}

function refusedProcess(hit: LimitHit | undefined): string {
  return hit?.limit === "processes"
    ? `, after it was refused a process beyond its limit of ${hit.count}`
    : "";
}

/** The code as a shell would report it: 128 + the number of the signal that ended the process. */
function codeAndSignal({ code, signal }: ProcessExit): { exitCode: number; signal: string } {
  if (signal === null) return { exitCode: code ?? 0, signal: "" };
  return { exitCode: 128 + constants.signals[signal], signal };
}
