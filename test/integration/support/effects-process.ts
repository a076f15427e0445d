/**
 * A process to be killed: places orders as fast as it can, each with a reliable effect that writes its key into a
 * ledger. `done` lines on standard output are orders that were acknowledged.
 *
 *   effects-process.ts place <data folder> <ledger>
 *   effects-process.ts finish <data folder> <ledger>     calls nothing, ends when no effect is pending
 */
import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { createSystem, definePersistentActor, silentLogger } from "../../../src/index.ts";

const [mode, dataDir = "", ledger = ""] = process.argv.slice(2);
const actors = 20;
const callsInFlight = 50;

const Order = definePersistentActor("order", {
  initialState: () => ({ placed: 0 }),
  snapshot: { everyEvents: 20 },
})
  .events({ placed: (state) => ({ placed: state.placed + 1 }) })
  .effects<{ receipt: { n: number } }>({
    receipt: async ({ idempotencyKey, attempt }, { n }) => {
      await pause(n % 5);
      // Some fail once, so that kills meet pauses and attempts as well.
      if (n % 7 === 0 && attempt === 1) throw new Error("not at the first time");
      appendFileSync(ledger, `${idempotencyKey}\n`);
      await pause(n % 3);
    },
  })
  .commands({
    place: (order, n: number) => {
      order.persist("placed");
      return order.effects.run("receipt", { n });
    },
    placed: (order) => order.state.placed,
  });

const system = await createSystem({
  name: "effects",
  dataDir,
  shards: 4,
  definitions: [Order],
  logger: silentLogger,
});

if (mode === "place") {
  let next = 0;
  const caller = async (): Promise<never> => {
    for (;;) {
      const n = next++;
      const key = await system
        .actor(Order, `o${n % actors}`)
        .with({ timeoutMs: 60_000 })
        .place(n);
      process.stdout.write(`done ${key}\n`);
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, caller));
} else {
  while (
    system.entities().some(({ phase, pendingEffects }) => phase !== "ready" || pendingEffects > 0)
  ) {
    await pause(20);
  }
  const ids = await system.ids(Order);
  const counts = await Promise.all(ids.map((id) => system.actor(Order, id).placed()));
  process.stdout.write(`placed ${counts.reduce((sum, count) => sum + count, 0)}\n`);
  await system.stop();
}
