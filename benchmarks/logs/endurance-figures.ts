/** A log that does not end for long: is the memory of agent and server that of its first tenth? */
import { setTimeout } from "node:timers/promises";
import type { Bench } from "../suite.ts";
import type { Line } from "./line.ts";
import { lineBytes } from "./ways.ts";

const sampleMs = 250;

export async function enduranceFigures(bench: Bench, line: Line): Promise<void> {
  const gigabytes = bench.quick ? 0.3 : 10;
  const lines = (gigabytes * 1e9) / lineBytes;
  const before = await line.usage();
  const first = { agent: 0, server: 0 };
  const rest = { agent: 0, server: 0 };
  let over = false;
  const sampling = (async () => {
    while (!over) {
      const now = await line.usage();
      const peak = now.bytes - before.bytes < (lines * lineBytes) / 10 ? first : rest;
      peak.agent = Math.max(peak.agent, now.agentMemoryBytes);
      peak.server = Math.max(peak.server, now.serverMemoryBytes);
      await setTimeout(sampleMs);
    }
  })();
  const tookMs = await line.run(line.printing(lines));
  over = true;
  await sampling;
  const { bytes } = await line.usage();
  if (bytes - before.bytes !== lines * lineBytes) throw new Error("bytes were lost");
  const options = { unit: "lines/s", durability: "process" } as const;
  const name = `ours, one log of ${gigabytes} GB`;
  bench.record(name, options, { values: [(lines / tookMs) * 1_000] });
  for (const side of ["agent", "server"] as const) {
    const peak = { values: [rest[side] / (1_024 * 1_024)] };
    bench.record(`${name}: memory of the ${side}`, { unit: "MiB", durability: "process" }, peak);
    // In a short run the collector has not yet seen what it keeps.
    const target = bench.quick ? {} : { atMost: 1.25 };
    bench.state(
      `${name}: memory of the ${side}, later / first tenth`,
      rest[side] / first[side],
      target,
    );
  }
}
