/** From how a job's processes ended to what is reported: a pure function. */
import { constants } from "node:os";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { durationText } from "./duration-text.ts";

/** Why the agent itself ended the job; the first cause stays. */
export type Stop =
  | { readonly cause: "cancelled"; readonly reason: string }
  | { readonly cause: "timed-out"; readonly afterMs: number };

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
  /** What is wrong with its outputs: fails a job that went well otherwise. */
  readonly outputsProblem: string | undefined;
}

export function verdict({ exit, stop, outputsProblem }: VerdictInput): Verdict {
  const { exitCode, signal } = codeAndSignal(exit);
  if (stop?.cause === "cancelled") {
    const reason = stop.reason === "" ? "cancelled" : `cancelled: ${stop.reason}`;
    return { outcome: Outcome.CANCELLED, exitCode, signal, reason };
  }
  if (stop?.cause === "timed-out") {
    const reason = `timed out after ${durationText(stop.afterMs)}`;
    return { outcome: Outcome.TIMED_OUT, exitCode, signal, reason };
  }
  if (signal !== "") {
    return { outcome: Outcome.FAILED, exitCode, signal, reason: `killed by ${signal}` };
  }
  if (exitCode !== 0) {
    return { outcome: Outcome.FAILED, exitCode, signal, reason: `exit code ${exitCode}` };
  }
  if (outputsProblem !== undefined) {
    return { outcome: Outcome.FAILED, exitCode, signal, reason: outputsProblem };
  }
  return { outcome: Outcome.SUCCEEDED, exitCode, signal, reason: "" };
}

/** The code as a shell would report it: 128 + the number of the signal that ended the process. */
function codeAndSignal({ code, signal }: ProcessExit): { exitCode: number; signal: string } {
  if (signal === null) return { exitCode: code ?? 0, signal: "" };
  return { exitCode: 128 + constants.signals[signal], signal };
}
