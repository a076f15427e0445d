/** How fast an actor without a snapshot comes back, and what that costs in memory. */
import type { Bench, Figure } from "../suite.ts";
import { answerOf, forked } from "./processes.ts";
import { embeddedStore } from "./stores.ts";

export async function recoveryFigures(bench: Bench): Promise<void> {
  const few = await recoveryOf(bench, 100_000);
  if (bench.quick) return;
  const many = await recoveryOf(bench, 1_000_000);
  bench.state("recovery of 10⁶ events, events/s", many.perSecond.value, { atLeast: 300_000 });
  const grownMb = many.heap.value - few.heap.value;
  bench.state("heap growth of a recovery from 10⁵ to 10⁶ events, MB", grownMb, { atMost: 64 });
}

async function recoveryOf(
  bench: Bench,
  events: number,
): Promise<{ perSecond: Figure; heap: Figure }> {
  const store = await embeddedStore();
  const dataDir = store.address.dataDir ?? "";
  try {
    await answerOf(forked("recovery-process", ["write", dataDir, String(events)]));
    const perSecond: number[] = [];
    const heap: number[] = [];
    for (let run = 0; run < (bench.quick ? 1 : 3); run++) {
      const child = forked("recovery-process", ["recover", dataDir], ["--expose-gc"]);
      const { tookMs, heapBytes } = (await answerOf(child)) as {
        tookMs: number;
        heapBytes: number;
      };
      perSecond.push((events * 1_000) / tookMs);
      heap.push(heapBytes / 1_048_576);
    }
    const name = `recovery of one actor, ${events.toLocaleString("en-US")} events`;
    return {
      perSecond: bench.record(name, { unit: "events/s" }, { values: perSecond }),
      heap: bench.record(`${name}, most heap`, { unit: "MB" }, { values: heap }),
    };
  } finally {
    await store.stop();
  }
}
