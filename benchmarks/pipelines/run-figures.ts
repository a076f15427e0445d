/** What one job costs in the run's state machine: decisions and events applied, nothing stored or sent. */
import {
  applyRunEvent,
  decide,
  effectsOf,
  newRun,
  type PipelineDefinition,
  type RunInput,
  type RunState,
} from "../../src/actors/pipelines/index.ts";
import type { Bench } from "../suite.ts";
import { layeredPipeline } from "./definitions.ts";
import { elapsedMs } from "./elapsed.ts";

const growthMax = 4;

export async function runFigures(bench: Bench): Promise<void> {
  const sizes = bench.quick ? [2_000, 20_000] : [2_000, 20_000, 100_000];
  const figures = [];
  for (const size of sizes) {
    const definition = layeredPipeline(size);
    figures.push(
      await bench.measure(`run of ${size} jobs, state machine only`, { unit: "µs per job" }, () => {
        return (elapsedMs(() => runToTheEnd(definition)) * 1_000) / size;
      }),
    );
  }
  const [small, large] = figures;
  if (small === undefined || large === undefined) return;
  bench.state("cost per job, 20000 against 2000", large.min / small.min, { atMost: growthMax });
}

/** Each job is queued, assigned, started and finished: four commands, four events. */
function runToTheEnd(definition: PipelineDefinition): void {
  let state: RunState = newRun;
  const queue: string[] = [];
  const take = (input: RunInput): void => {
    const { events, more } = decide(state, input, 0);
    state = events.reduce(applyRunEvent, state);
    if (state.status === "new") return;
    for (const effect of effectsOf(state, events)) {
      if (effect.type === "submit") queue.push(effect.attempt.job);
    }
    if (more) take({ type: "advance" });
  };
  take({ type: "create", runId: "r", definition, parameters: { version: "1" }, priority: 0 });
  for (let next = 0; next < queue.length; next++) {
    const report = { job: queue[next] ?? "", attempt: 1, workerId: "w" };
    take({ type: "prepare", ...report });
    take({ type: "started", ...report });
    const result = { outcome: "succeeded" as const, outputs: { sha: "1" }, reason: "" };
    take({ type: "finished", ...report, result });
  }
  if (state.status !== "succeeded") throw new Error(`the benchmark's own run ${state.status}`);
}
