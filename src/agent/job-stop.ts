/**
 * Ends a job before its time: SIGTERM to the tree, the grace, SIGKILL.
 *
 *   Q1. The first cause stays the cause; of several deadlines the earliest counts.
 *   Q2. A stop asked for before there is a process is carried out as soon as there is one.
 */
import type { AgentClock, AgentTimer } from "./clock.ts";
import { wait } from "./clock.ts";
import type { Stop } from "./job-verdict.ts";
import type { ProcessTree } from "./process-tree.ts";

/** How often to look whether the tree went by itself, within the grace. */
const lookMs = 25;

export class JobStop {
  /** Fulfilled with the first request. */
  readonly requested: Promise<void>;
  /** Aborted with the first request: for work that can be broken off. */
  readonly signal: AbortSignal;
  readonly #clock: AgentClock;
  #tellRequested: () => void = () => {};
  readonly #abort = new AbortController();
  #stop: Stop | undefined;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #deadlineTimer: AgentTimer | undefined;
  #timeoutTimer: AgentTimer | undefined;
  #tree: ProcessTree | undefined;

  constructor(clock: AgentClock) {
    this.#clock = clock;
    this.signal = this.#abort.signal;
    this.requested = new Promise((resolve) => {
      this.#tellRequested = resolve;
    });
  }

  /** Why the job is being stopped; undefined = it is not. */
  get stop(): Stop | undefined {
    return this.#stop;
  }

  /** `graceMs` between SIGTERM and SIGKILL; 0 = SIGKILL at once. */
  request(stop: Stop, graceMs: number): void {
    const first = this.#stop === undefined;
    this.#stop ??= stop;
    this.#abort.abort();
    this.#deadlineMs = Math.min(this.#deadlineMs, this.#clock.monotonicMs() + graceMs);
    if (this.#tree === undefined) return this.#tellRequested();
    if (first && graceMs > 0) this.#tree.signal("SIGTERM");
    this.#armDeadline(this.#tree);
    this.#tellRequested();
  }

  /** The job's process is up: the timeout counts from now (undefined = none). */
  processStarted(
    tree: ProcessTree,
    timeout: { afterMs: number; graceMs: number } | undefined,
  ): void {
    this.#tree = tree;
    if (timeout !== undefined) {
      const { afterMs, graceMs } = timeout;
      const fire = () => this.request({ cause: "timed-out", afterMs }, graceMs);
      this.#timeoutTimer = this.#clock.setTimer(afterMs, fire);
    }
    if (this.#stop === undefined) return;
    if (this.#deadlineMs > this.#clock.monotonicMs()) tree.signal("SIGTERM");
    this.#armDeadline(tree);
  }

  /** The job's first process has ended: no timeout any more. */
  processEnded(): void {
    this.#timeoutTimer?.cancel();
  }

  /** Resolves when the stopped tree is empty, or when its grace is over. */
  async graceOver(): Promise<void> {
    while (this.#clock.monotonicMs() < this.#deadlineMs) {
      if ((this.#tree?.members().length ?? 0) === 0) break;
      await wait(this.#clock, Math.min(lookMs, this.#deadlineMs - this.#clock.monotonicMs()));
    }
    this.#deadlineTimer?.cancel();
  }

  #armDeadline(tree: ProcessTree): void {
    this.#deadlineTimer?.cancel();
    const leftMs = Math.max(0, this.#deadlineMs - this.#clock.monotonicMs());
    // Who survives this is looked for again, and named, after the job's first process has ended.
    this.#deadlineTimer = this.#clock.setTimer(leftMs, () => void tree.killAll());
  }
}
