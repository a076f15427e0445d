/**
 * The face of all that runs jobs: runs, scheduler and workers of one system, wired together.
 *
 *   const engine = createJobEngine({ secrets });
 *   const system = await createSystem({ name, dataDir, definitions: engine.definitions });
 *   await engine.start(system);            // effects begin: nothing is submitted or delivered before
 *   engine.runs.submit(…)   engine.workers.connect(…)   engine.scheduler.watchDemand(…)
 *   await engine.stop();                   // before system.stop(): sessions close, timers end
 */
import type { Scheduler } from "../scheduler/index.ts";
import type { Workers } from "../workers/index.ts";
import type { Runs } from "./runs.ts";

export interface JobEngine {
  readonly runs: Runs;
  readonly workers: Workers;
  readonly scheduler: Scheduler;
  stop(): Promise<void>;
}
