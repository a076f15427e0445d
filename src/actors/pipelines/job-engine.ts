/**
 * All that runs jobs in one system: runs, scheduler and workers, wired together.
 *
 *   const engine = createJobEngine({ secrets });
 *   const system = await createSystem({ name, dataDir, definitions: engine.definitions });
 *   engine.start(system);                  // effects begin: nothing is submitted or delivered before
 *   engine.runs.submit(…)   engine.workers.connect(…)   engine.scheduler.watchDemand(…)
 *   engine.stop();                         // before system.stop(): sessions close, timers end
 *
 * The parts know each other only through ports; this file alone sees them all. Definitions must exist
 * before the system does, because the system wakes half-done runs and workers while it starts: what
 * they want done before `start` is remembered and asked for then.
 */
import {
  type Clock,
  type Handle,
  type Kernel,
  type Logger,
  silentLogger,
  systemClock,
  TroupeError,
} from "../kernel/index.ts";
import type {
  AnyPersistentActorDefinition,
  PersistentActorDefinition,
} from "../persistence/index.ts";
import { type Scheduler, startScheduler } from "../scheduler/index.ts";
import { type AttemptKey, Repeater, WorkerPool, type Workers } from "../workers/index.ts";
import { ConcurrencyGate } from "./concurrency-gate.ts";
import { LocalRuns } from "./local-runs.ts";
import { definePipelineRun } from "./pipeline-run.ts";
import { RunDispatch } from "./run-dispatch.ts";
import { RunFeed } from "./run-feed.ts";
import { RunIndex, runIndexId } from "./run-index.ts";
import { RunReports } from "./run-reports.ts";
import type { RunSummary } from "./run-view.ts";
import type { Runs } from "./runs.ts";
import type { SecretSource } from "./secret-source.ts";

export interface JobEngineOptions {
  readonly secrets: SecretSource;
  /** Must be the system's own. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  /** What agents are told: they kill what they run when they cannot renew for so long. Milliseconds; default `limits.leaseMs`. */
  readonly leaseMs?: number;
  /** After `leaseMs`, until a silent worker is lost. Milliseconds; default `limits.leaseGraceMs`. */
  readonly leaseGraceMs?: number;
  /** Told of each agent that was silent until its lease was over. */
  readonly onLeaseLost?: () => void;
  /** Default `limits.queuedAttemptsMax`; what does not fit waits in its run. */
  readonly queuedAttemptsMax?: number;
}

/** What the engine needs of a system. */
export interface EngineSystem {
  readonly kernel: Kernel;
  actor<S, E, C>(definition: PersistentActorDefinition<S, E, C>, id: string): Handle<C>;
  ids(definition: AnyPersistentActorDefinition): Promise<string[]>;
  /** Of the actors whose work is half done. */
  openIds(definition: AnyPersistentActorDefinition): Promise<string[]>;
}

export interface JobEngine {
  /** For `createSystem({ definitions })`. */
  readonly definitions: readonly AnyPersistentActorDefinition[];
  /** Once, as soon as the system has started. */
  start(system: EngineSystem): void;
  /** Ends sessions, watchers and timers; what is under way goes on after the next start. */
  stop(): void;
  /** These three throw `TROUPE_SYSTEM_STOPPED` before `start`. */
  readonly runs: Runs;
  readonly workers: Workers;
  readonly scheduler: Scheduler;
}

export function createJobEngine(options: JobEngineOptions): JobEngine {
  return new LocalJobEngine(options);
}

interface Running {
  readonly runs: Runs;
  readonly scheduler: Scheduler;
}

class LocalJobEngine implements JobEngine {
  readonly definitions: readonly AnyPersistentActorDefinition[];
  readonly #options: JobEngineOptions;
  readonly #feed = new RunFeed();
  readonly #repeater: Repeater;
  readonly #pool: WorkerPool;
  readonly #dispatch: RunDispatch;
  readonly #gate: ConcurrencyGate;
  readonly #pipelineRun;
  #running: Running | undefined;

  constructor(options: JobEngineOptions) {
    const { clock = systemClock, logger = silentLogger } = options;
    this.#options = options;
    this.#repeater = new Repeater({ clock, logger });
    this.#pool = new WorkerPool({ ...options, clock, logger });
    const { feed, repeater } = { feed: this.#feed, repeater: this.#repeater };
    this.#gate = new ConcurrencyGate(repeater);
    this.#dispatch = new RunDispatch({ clock, logger, feed, repeater, gate: this.#gate });
    this.#pipelineRun = definePipelineRun(this.#dispatch);
    const group = this.#gate.definition;
    this.definitions = [this.#pipelineRun, this.#pool.definition, RunIndex, group];
  }

  get runs(): Runs {
    return this.#started().runs;
  }

  get scheduler(): Scheduler {
    return this.#started().scheduler;
  }

  get workers(): Workers {
    this.#started();
    return this.#pool;
  }

  start(system: EngineSystem): void {
    const definition = this.#pipelineRun;
    const run = (runId: string) => system.actor(definition, runId);
    const worker = (workerId: string) => system.actor(this.#pool.definition, workerId);
    const index = system.actor(RunIndex, runIndexId);
    const { queuedAttemptsMax, secrets } = this.#options;
    const scheduler = startScheduler(system.kernel, {
      assign: (attempt, workerId) => this.#pool.assign(attempt, workerId),
      ...(queuedAttemptsMax === undefined ? {} : { queuedAttemptsMax }),
    });
    const assigned = (attempt: AttemptKey): void => scheduler.withdraw([attempt]);
    const reports = new RunReports({ run, secrets, assigned });
    this.#running = {
      scheduler,
      runs: new LocalRuns({
        definition,
        run,
        index,
        all: () => system.ids(definition),
        ongoing: () => system.openIds(definition),
        scheduler,
        feed: this.#feed,
        gate: this.#gate,
      }),
    };
    const group = (id: string) => system.actor(this.#gate.definition, id);
    this.#gate.start({ group, run });
    this.#pool.start({ worker, reports, capacity: scheduler });
    const note = (summary: RunSummary): Promise<void> => index.note(summary);
    this.#dispatch.start({ run, note, scheduler, workers: this.#pool });
  }

  stop(): void {
    this.#repeater.stop();
    this.#dispatch.stop();
    this.#pool.stop();
    this.#feed.stop();
  }

  #started(): Running {
    if (this.#running !== undefined) return this.#running;
    throw new TroupeError("TROUPE_SYSTEM_STOPPED", {
      system: "job engine",
      use: "jobs before start",
    });
  }
}
