import type { Suite } from "../suite.ts";
import { enduranceFigures } from "./endurance-figures.ts";
import { latencyFigures } from "./latency-figures.ts";
import { Line } from "./line.ts";
import { maskFigures } from "./mask-figures.ts";
import { throughputFigures } from "./throughput-figures.ts";

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
      await throughputFigures(bench, line);
      await maskFigures(bench);
      await latencyFigures(bench, line);
      await enduranceFigures(bench, line);
    } finally {
      await line.stop();
    }
  },
};
