/** One attempt that the agent holds: its processes and its log, tied together. */
import type { Assignment, AttemptRef, JobResult } from "../../proto/troupe/agent/v1/agent.ts";
import { AttemptFolder } from "./attempt-folder.ts";
import type { AgentClock } from "./clock.ts";
import { type EndedAttempt, writeEnded } from "./ended-record.ts";
import type { Executor, JobEnd, RunningJob } from "./executor.ts";
import { type LogLink, LogOutbox, type OutboxChunk } from "./log-outbox.ts";
import { LogSpool } from "./log-spool.ts";

/** What every attempt that is held needs. */
interface HeldOptions {
  readonly workFolder: string;
  readonly clock: AgentClock;
  /** Its log has something to send, or all of it is sent. */
  readonly onReady: () => void;
  readonly onWarning: (message: string) => void;
}

export interface HeldJobOptions extends HeldOptions {
  readonly assignment: Assignment;
  readonly executor: Executor;
  /** The terms of the open link; undefined = there is none. */
  readonly link: LogLink | undefined;
  readonly onStarted: (startedAtMs: number) => void;
  readonly onEnded: (result: JobResult) => void;
}

export class HeldJob {
  /** Resolves when its process tree is dead and its result is known. */
  readonly ended: Promise<void>;
  readonly #folder: AttemptFolder;
  readonly #spool: LogSpool;
  readonly #outbox: LogOutbox;
  readonly #onWarning: (message: string) => void;
  #job: RunningJob | undefined;
  #isKept = false;
  #tellEnded: () => void = () => {};

  private constructor(attempt: AttemptRef, options: HeldOptions, restored?: LogSpool) {
    const { workFolder, clock, onReady, onWarning } = options;
    this.#folder = new AttemptFolder(workFolder, attempt);
    this.#onWarning = onWarning;
    const onDiskError = (error: Error): void =>
      onWarning(`the log waits for the link: ${error.message}`);
    this.#spool = restored ?? new LogSpool({ folder: this.#folder.spool, onDiskError });
    const onBlocked = (blocked: boolean): void => this.#job?.setOutputBlocked(blocked);
    this.#outbox = new LogOutbox({ clock, spool: this.#spool, onReady, onBlocked });
    this.ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  /** Starts the job of an assignment. */
  static start(options: HeldJobOptions): HeldJob {
    const { assignment, executor } = options;
    const attempt = assignment.attempt as AttemptRef;
    const held = new HeldJob(attempt, options);
    held.#outbox.setLink(options.link);
    held.#job = executor.start(assignment, {
      started: options.onStarted,
      output: (bytes) => held.#outbox.append(bytes),
      ended: (end) => {
        const result = resultOf(attempt, end, held.#outbox.end);
        held.#keep(result);
        options.onEnded(result);
        held.#outbox.finish();
        held.#tellEnded();
      },
    });
    return held;
  }

  /** One that ended in an earlier start of the agent. Throws when its log is not all there. */
  static restore({ result, log }: EndedAttempt, options: HeldOptions): HeldJob {
    const folder = new AttemptFolder(options.workFolder, result.attempt);
    const held = new HeldJob(result.attempt, options, LogSpool.restore(folder.spool, log));
    held.#isKept = true;
    held.#outbox.finish();
    held.#tellEnded();
    return held;
  }

  get isLogSent(): boolean {
    return this.#outbox.isSent;
  }

  nextChunk(): OutboxChunk | undefined {
    return this.#outbox.nextChunk();
  }

  /** Log bytes that the server has not acknowledged. */
  get logBytesKept(): number {
    return this.#outbox.kept;
  }

  setLink(link: LogLink | undefined): void {
    this.#outbox.setLink(link);
  }

  /** False: the server claims bytes that it never got. */
  acknowledgeLog(offset: number): boolean {
    return this.#outbox.acknowledge(offset);
  }

  cancel(reason: string, graceMs: number): void {
    this.#job?.cancel(reason, graceMs);
  }

  /** Its log and its folder are wanted no more. Only after its end. */
  async forget(): Promise<void> {
    this.#outbox.close();
    try {
      await this.#folder.remove();
    } catch (error) {
      this.#onWarning(`could not remove ${this.#folder.path}: ${(error as Error).message}`);
    }
  }

  /** This process ends: the next one reports what is kept. Only after its end. */
  async leave(): Promise<void> {
    if (!this.#isKept) return this.forget();
    this.#outbox.setLink(undefined);
    this.#spool.release();
  }

  #keep(result: EndedAttempt["result"]): void {
    try {
      writeEnded(this.#folder, { result, log: this.#spool.store() });
      this.#isKept = true;
    } catch (error) {
      const { message } = error as Error;
      this.#onWarning(`its result is kept in memory only, and lost if the agent dies: ${message}`);
    }
  }
}

function resultOf(attempt: AttemptRef, end: JobEnd, logBytes: number): EndedAttempt["result"] {
  return { ...end, attempt, outputs: { ...end.outputs }, logBytes };
}
