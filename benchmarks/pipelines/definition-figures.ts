/** How long a definition takes to check: as a graph, by all rules, from JSON, from YAML. */
import {
  buildGraph,
  checkDefinition,
  checkPipelineYaml,
  parseDefinition,
  topologicalOrder,
} from "../../src/actors/pipelines/index.ts";
import type { Bench, Figure } from "../suite.ts";
import { layeredPipeline, layeredYaml } from "./definitions.ts";
import { elapsedMs } from "./elapsed.ts";

const sizes = [10_000, 100_000, 200_000] as const;
const validatedMsMax = 200;
/** Time per job may grow by caches that no longer hold everything, not by the algorithm. */
const growthMax = 3;

export async function definitionFigures(bench: Bench): Promise<void> {
  const checks: Figure[] = [];
  for (const size of sizes) {
    const definition = layeredPipeline(size);
    await bench.measure(`graph of ${size} jobs: built, ordered`, { unit: "ms" }, () =>
      elapsedMs(() => topologicalOrder(buildGraph(definition.jobs).graph)),
    );
    checks.push(
      // Many runs: what else is done with the machine's memory doubles single ones.
      await bench.measure(`definition of ${size} jobs: all rules`, { unit: "ms", runs: 21 }, () =>
        elapsedMs(() => expectSound(checkDefinition(definition))),
      ),
    );
  }
  const [small, medium, large] = checks;
  if (small === undefined || medium === undefined || large === undefined) return;
  bench.state("100000 jobs validated, median (ms)", medium.value, { atMost: validatedMsMax });
  const growth = large.min / sizes[2] / (small.min / sizes[0]);
  bench.state("time per job, 200000 against 10000", growth, { atMost: growthMax });

  const json = JSON.stringify(layeredPipeline(2_000));
  await bench.measure("JSON of 2000 jobs: parsed, shape and rules", { unit: "ms" }, () =>
    elapsedMs(() => expectSound(parseDefinition(json))),
  );
  const yaml = layeredYaml(1_000);
  await bench.measure("YAML of 1000 jobs: read and checked", { unit: "ms" }, () =>
    elapsedMs(() => expectSound(checkPipelineYaml(yaml, { file: "layers.yaml" }))),
  );
}

/** What is measured must have been the work, not an early refusal. */
function expectSound(result: readonly unknown[] | { readonly ok: boolean }): void {
  const sound = "ok" in result ? result.ok : result.length === 0;
  if (!sound) throw new Error(`the benchmark's own pipeline is refused: ${JSON.stringify(result)}`);
}
