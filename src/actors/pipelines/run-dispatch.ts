/**
 * Carries out what follows from runs' commits: attempts into the scheduler's queue and out of it,
 * cancels to workers, changes to watchers, new and ended runs into the list.
 *
 * Nothing here is stored. What cannot be done now (a full queue) is asked for again by the run itself,
 * which derives it from its state: so what waits for room waits in the journal, not in memory.
 */
import {
  type Clock,
  isTroupeError,
  type Logger,
  limits,
  reasonOf,
  type Timer,
} from "../kernel/index.ts";
import type { AttemptRequest, Scheduler } from "../scheduler/index.ts";
import type { Repeater, Workers } from "../workers/index.ts";
import type { ConcurrencyGate } from "./concurrency-gate.ts";
import type { PipelineRunHandle, RunOutlet } from "./pipeline-run.ts";
import { effectsOf, pendingWork, type RunEffect } from "./run-effects.ts";
import type { RunEvent, RunEventType } from "./run-events.ts";
import type { RunFeed } from "./run-feed.ts";
import type { Run } from "./run-state.ts";
import type { RunSummary, RunView } from "./run-view.ts";
import { summaryOf } from "./view-of-run.ts";

export interface RunDispatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly feed: RunFeed;
  readonly repeater: Repeater;
  readonly gate: ConcurrencyGate;
}

/** Those it talks to; they exist only once the system has started. */
export interface RunDispatchPeers {
  readonly run: (runId: string) => PipelineRunHandle;
  readonly note: (summary: RunSummary) => Promise<void>;
  readonly scheduler: Scheduler;
  readonly workers: Workers;
}

/** The events that change a run's line in the list. */
const listed: ReadonlySet<RunEventType> = new Set([
  "runCreated",
  "runStopRequested",
  "runFinished",
]);

export class RunDispatch implements RunOutlet {
  readonly #options: RunDispatchOptions;
  /** Runs that were recovered before `start`. */
  readonly #early = new Set<string>();
  /** Runs that wait before they submit again. */
  readonly #again = new Map<string, Timer>();
  #peers: RunDispatchPeers | undefined;
  #stopped = false;

  constructor(options: RunDispatchOptions) {
    this.#options = options;
  }

  start(peers: RunDispatchPeers): void {
    this.#peers = peers;
    for (const runId of this.#early) this.#askAgain(runId);
    this.#early.clear();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#again.values()) timer.cancel();
    this.#again.clear();
  }

  committed(run: Run, events: readonly RunEvent[]): void {
    this.#options.feed.committed(run, events);
    this.#perform(run, effectsOf(run, events));
    this.#options.gate.committed(run, events);
    if (events.some(({ type }) => listed.has(type))) this.#note(run);
  }

  goOn(runId: string): void {
    const { repeater } = this.#options;
    const peers = this.#peers;
    if (peers === undefined) this.#early.add(runId);
    else void repeater.run(`going on with ${runId}`, () => peers.run(runId).advance());
  }

  stands(run: Run): void {
    this.#note(run);
    this.#perform(run, pendingWork(run).effects);
  }

  shown(watcher: number, view: RunView): void {
    this.#options.feed.shown(watcher, view);
  }

  #note(run: Run): void {
    const { repeater } = this.#options;
    const peers = this.#peers;
    if (peers === undefined) return;
    void repeater.run(`listing ${run.runId}`, () => peers.note(summaryOf(run)));
  }

  #perform(run: Run, effects: readonly RunEffect[]): void {
    const { runId } = run;
    if (effects.length === 0 || this.#stopped) return;
    const peers = this.#peers;
    if (peers === undefined) {
      this.#early.add(runId);
      return;
    }
    const requests: AttemptRequest[] = [];
    for (const effect of effects) {
      const { attempt } = effect;
      if (effect.type === "submit") {
        // What its concurrency group holds back stands in its run's state, and is asked for again.
        if (!this.#options.gate.passes(run, attempt.job)) continue;
        requests.push({ attempt, priority: effect.priority, labels: effect.labels });
      } else if (effect.type === "withdraw") {
        peers.scheduler.withdraw([attempt]);
      } else {
        const { workerId, reason, graceMs } = effect;
        peers.workers.cancel(workerId, attempt, { reason, graceMs });
      }
    }
    if (requests.length > 0) void this.#submit(runId, requests, peers);
  }

  async #submit(
    runId: string,
    requests: readonly AttemptRequest[],
    { scheduler }: RunDispatchPeers,
  ): Promise<void> {
    try {
      await scheduler.submit(requests);
    } catch (error) {
      if (!isTroupeError(error, "TROUPE_QUEUE_FULL")) {
        this.#options.logger.warn(`a submit failed: ${reasonOf(error)}`, { run: runId });
      }
      this.#submitAgain(runId);
    }
  }

  #submitAgain(runId: string): void {
    if (this.#stopped || this.#again.has(runId)) return;
    const timer = this.#options.clock.setTimer(limits.submitAgainMs, () => {
      this.#again.delete(runId);
      this.#askAgain(runId);
    });
    this.#again.set(runId, timer);
  }

  #askAgain(runId: string): void {
    const { repeater } = this.#options;
    const peers = this.#peers;
    if (peers !== undefined) void repeater.run(`run ${runId}`, () => peers.run(runId).stand());
  }
}
