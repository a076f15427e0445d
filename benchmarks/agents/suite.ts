import type { Suite } from "../suite.ts";
import { bundleFigures } from "./bundle-figures.ts";
import { fleetFigures } from "./fleet-figures.ts";
import { startFigures } from "./start-figures.ts";

export const suite: Suite = {
  name: "agents",
  measured:
    "many real agents with a connection each, in a few processes, against one server process with an fsynced journal: what an idle one costs on both sides, how long all take to come back after kill -9 of the server, how long an attempt takes from its submit to its agent; and on one warm agent, from the assignment to the first statement of the script, submitted at half of what it can take (open loop, from the intended time); the size of the agent's one file, and how long its process takes to start",
  notMeasured:
    "a network: all is on one machine and shares its cores, load generator included; TLS; agents' own processes one by one (their start is measured once); no peer runs here",
  async run(bench) {
    await bundleFigures(bench);
    await fleetFigures(bench);
    await startFigures(bench);
  },
};
