/** One attempt that the agent holds: its processes and its log, tied together. */
import type { Assignment, AttemptRef, JobResult } from "../../proto/troupe/agent/v1/agent.ts";
import { AttemptFolder } from "./attempt-folder.ts";
import type { AgentClock } from "./clock.ts";
import type { Executor, JobEnd, RunningJob } from "./executor.ts";
import { type LogLink, LogOutbox, type OutboxChunk } from "./log-outbox.ts";
import { LogSpool } from "./log-spool.ts";

export interface HeldJobOptions {
  readonly assignment: Assignment;
  readonly executor: Executor;
  readonly workFolder: string;
  readonly clock: AgentClock;
  /** The terms of the open link; undefined = there is none. */
  readonly link: LogLink | undefined;
  readonly onStarted: (startedAtMs: number) => void;
  readonly onEnded: (result: JobResult) => void;
  /** Its log has something to send, or all of it is sent. */
  readonly onReady: () => void;
  readonly onWarning: (message: string) => void;
}

export class HeldJob {
  /** Resolves when its process tree is dead and its result is known. */
  readonly ended: Promise<void>;
  readonly #attempt: AttemptRef;
  readonly #outbox: LogOutbox;
  readonly #job: RunningJob;

  constructor(options: HeldJobOptions) {
    const { assignment, clock, onReady, onWarning } = options;
    this.#attempt = assignment.attempt as AttemptRef;
    this.#outbox = new LogOutbox({
      clock,
      spool: new LogSpool({
        folder: new AttemptFolder(options.workFolder, this.#attempt).spool,
        onDiskError: (error) => onWarning(`the log waits for the link: ${error.message}`),
      }),
      onReady,
      onBlocked: (blocked) => this.#job.setOutputBlocked(blocked),
    });
    this.#outbox.setLink(options.link);
    let tellEnded: () => void;
    this.ended = new Promise((resolve) => {
      tellEnded = resolve;
    });
    this.#job = options.executor.start(assignment, {
      started: options.onStarted,
      output: (bytes) => this.#outbox.append(bytes),
      ended: (end) => {
        options.onEnded(this.#result(end));
        this.#outbox.finish();
        tellEnded();
      },
    });
  }

  get isLogSent(): boolean {
    return this.#outbox.isSent;
  }

  nextChunk(): OutboxChunk | undefined {
    return this.#outbox.nextChunk();
  }

  setLink(link: LogLink | undefined): void {
    this.#outbox.setLink(link);
  }

  /** False: the server claims bytes that it never got. */
  acknowledgeLog(offset: number): boolean {
    return this.#outbox.acknowledge(offset);
  }

  cancel(reason: string, graceMs: number): void {
    this.#job.cancel(reason, graceMs);
  }

  /** Its log and its folder are wanted no more. Only after its end. */
  async forget(): Promise<void> {
    this.#outbox.close();
    await this.#job.remove();
  }

  #result(end: JobEnd): JobResult {
    return {
      ...end,
      attempt: this.#attempt,
      outputs: { ...end.outputs },
      logBytes: this.#outbox.end,
    };
  }
}
