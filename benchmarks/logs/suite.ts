import type { Bench, Suite } from "../suite.ts";
import { enduranceFigures } from "./endurance-figures.ts";
import { latencyFigures } from "./latency-figures.ts";
import { Line } from "./line.ts";
import { maskFigures } from "./mask-figures.ts";
import { throughputFigures } from "./throughput-figures.ts";

/** All of them take a quarter of an hour; `TROUPE_LOG_FIGURES=throughput,masks` asks for some. */
const parts: readonly (readonly [string, (bench: Bench, line: Line) => Promise<void>])[] = [
  ["throughput", throughputFigures],
  ["masks", maskFigures],
  ["latency", latencyFigures],
  ["endurance", enduranceFigures],
];

function isAsked(name: string): boolean {
  const asked = process.env["TROUPE_LOG_FIGURES"];
  return asked === undefined || asked.split(",").includes(name);
}

export const suite: Suite = {
  name: "logs",
  measured:
    "lines of 100 B on gRPC over the loopback, every party in a process of its own; ours from the " +
    "job's pipe through the agent (ten secrets searched for) to the server's store, until the result that follows " +
    "is recorded; the other ways end at a server that throws the bytes away. Processor time is that of sender " +
    "and receiver; ours leaves out the job itself, which takes its share of the same cores",
  notMeasured:
    "a network, TLS, several agents at once, a cold disk; what is stored survives a killed process, not a power cut",
  async run(bench) {
    const line = await Line.start();
    try {
      for (const [name, figures] of parts) if (isAsked(name)) await figures(bench, line);
    } finally {
      await line.stop();
    }
  },
};
