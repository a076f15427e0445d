import {
  createKernel,
  defineActor,
  defineBehaviour,
  type Kernel,
} from "../../src/actors/kernel/index.ts";
import type { Bench, Suite } from "../suite.ts";

const Visitor = defineActor("visitor", { initialState: () => ({ count: 0 }) }).commands({
  add: (visitor, by: number) => {
    visitor.state.count += by;
    return visitor.state.count;
  },
});
const Silent = defineBehaviour<never>("silent", () => receiveNothing);
function receiveNothing(): void {}

/** Actors that live at the same time. */
const window = 1_000;

/** Bytes in use after everything that can be collected was. */
function heapBytes(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("expected Node to be started with --expose-gc");
  for (let i = 0; i < 4; i++) gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Spawns, asks, tells and stops `count` actors. */
async function visit(kernel: Kernel, count: number): Promise<void> {
  for (let made = 0; made < count; made += window) {
    const living = Array.from({ length: window }, (_, i) => kernel.spawn(Visitor, `v${made + i}`));
    for (const visitor of living) visitor.tell.add(1);
    const counts = await Promise.all(living.map((visitor) => visitor.add(1)));
    if (counts.some((value) => value !== 2)) throw new Error("a message was lost");
    await Promise.all(living.map((visitor) => visitor.ref.stop()));
  }
}

async function soak(bench: Bench, count: number): Promise<void> {
  const kernel = createKernel({ name: "soak" });
  // What the runtime keeps for the code itself is there before the first reading.
  await visit(kernel, count / 10);
  const before = heapBytes();
  const startedMs = performance.now();
  await visit(kernel, count);
  const rate = (count / (performance.now() - startedMs)) * 1_000;
  const after = heapBytes();
  if (kernel.actors().length > 0) throw new Error("actors were left");
  await kernel.stop();
  bench.record("actors spawned, used and stopped", { unit: "actors/s" }, { values: [rate] });
  bench.record("heap before", { unit: "bytes" }, { values: [before] });
  bench.record(
    `heap after ${count.toLocaleString("en-US")} actors`,
    { unit: "bytes" },
    { values: [after] },
  );
  bench.state("heap after / before", after / before, { atLeast: 0.9, atMost: 1.1 });
}

/** What an actor costs that lives and waits. */
async function residents(bench: Bench, count: number): Promise<void> {
  for (const [name, definition] of [
    ["behaviour", Silent],
    ["actor with commands and a state of one number", Visitor],
  ] as const) {
    const kernel = createKernel({ name: "residents" });
    const before = heapBytes();
    for (let i = 0; i < count; i++) kernel.spawn<unknown, unknown>(definition, `r${i}`);
    while (kernel.actors().some(({ phase }) => phase !== "running")) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const bytes = (heapBytes() - before) / count;
    bench.record(
      `one of ${count.toLocaleString("en-US")} idle: ${name}`,
      { unit: "bytes" },
      { values: [bytes] },
    );
    await kernel.stop();
  }
}

export const suite: Suite = {
  name: "kernel-soak",
  measured:
    "memory of actors in memory, after full collections: a million that come and go, 1,000 at a time, " +
    "and 100,000 that stay idle; with --quick a tenth of both",
  notMeasured: "memory that the operating system gives back, users' own state",
  async run(bench) {
    const scale = bench.quick ? 0.1 : 1;
    await soak(bench, 1_000_000 * scale);
    await residents(bench, 100_000 * scale);
  },
};
