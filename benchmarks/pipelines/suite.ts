import type { Suite } from "../suite.ts";
import { definitionFigures } from "./definition-figures.ts";
import { runFigures } from "./run-figures.ts";

export const suite: Suite = {
  name: "pipelines",
  measured:
    "checking definitions (graph, all rules, JSON, YAML) and the run's state machine per job, in one process, on one thread",
  notMeasured: "journal, scheduler, agents, gRPC, processes of jobs",
  async run(bench) {
    await definitionFigures(bench);
    await runFigures(bench);
  },
};
