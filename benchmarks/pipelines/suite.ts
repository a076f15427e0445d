import type { Suite } from "../suite.ts";
import { definitionFigures } from "./definition-figures.ts";
import { lineFigures } from "./line-figures.ts";
import { runFigures } from "./run-figures.ts";

export const suite: Suite = {
  name: "pipelines",
  measured:
    "checking definitions (graph, all rules, JSON, YAML); the run's state machine per job, on one thread; the whole line per no-op job, with real processes and fsync",
  notMeasured: "several agents, other machines, images and checkouts; no peer runs here",
  async run(bench) {
    await definitionFigures(bench);
    await runFigures(bench);
    await lineFigures(bench);
  },
};
