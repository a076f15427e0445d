/**
 * One actor with many events and no snapshot: written by one process, recovered by another.
 *
 *   recovery-process.ts write <data folder> <events>      recovery-process.ts recover <data folder>
 *
 * Recovering reports `{ tookMs, heapBytes }`: from the first command until its answer, and the most
 * that the heap held on the way, above what it held before.
 */
import { definePersistentActor } from "../../src/actors/persistence/index.ts";
import { createSystem } from "../../src/actors/system/index.ts";

const eventsPerCommand = 100;
const commandsInFlight = 100;
const heapEveryMs = 5;

const Ledger = definePersistentActor("ledger", {
  initialState: () => ({ entries: 0, cents: 0 }),
  snapshot: { everyEvents: Number.POSITIVE_INFINITY, everyBytes: Number.POSITIVE_INFINITY },
})
  .events({
    entered: (state, e: { cents: number }) => ({
      entries: state.entries + 1,
      cents: state.cents + e.cents,
    }),
  })
  .commands({
    enter: (ledger) => {
      for (let event = 0; event < eventsPerCommand; event++)
        ledger.persist("entered", { cents: 5 });
    },
    entries: (ledger) => ledger.state.entries,
  });

const [mode, dataDir = "", eventsText] = process.argv.slice(2);
const system = await createSystem({ name: "recovery", dataDir, shards: 16, definitions: [Ledger] });
const ledger = system.actor(Ledger, "one").with({ timeoutMs: 120_000 });

async function write(events: number): Promise<void> {
  let left = events / eventsPerCommand;
  const writer = async (): Promise<void> => {
    while (left-- > 0) await ledger.enter();
  };
  await Promise.all(Array.from({ length: commandsInFlight }, writer));
}

async function recover(): Promise<{ tookMs: number; heapBytes: number }> {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().heapUsed);
  }, heapEveryMs);
  const beganMs = performance.now();
  await ledger.entries();
  const tookMs = performance.now() - beganMs;
  clearInterval(timer);
  return { tookMs, heapBytes: most - before };
}

const result = mode === "write" ? await write(Number(eventsText)) : await recover();
await system.stop();
process.send?.(result ?? "written", () => process.exit(0));
