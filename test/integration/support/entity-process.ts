/**
 * A process to be killed: counters over a data folder, adding as fast as they can. Each call has a key; `sent` and
 * `done` lines on standard output say what the parent knows. First it sends what it was given on standard input again.
 *
 *   entity-process.ts run <data folder> <round>      entity-process.ts show <data folder>
 */
import { readFileSync } from "node:fs";
import {
  createSystem,
  definePersistentActor,
  type System,
  silentLogger,
} from "../../../src/index.ts";

const actors = 40;
const callsInFlight = 200;

const Counter = definePersistentActor("counter", {
  initialState: () => ({ count: 0, left: 0, right: 0, rings: 0 }),
  snapshot: { everyEvents: 50 },
  open: (state) => state.left !== state.right,
})
  .events({
    counted: (state) => ({ ...state, count: state.count + 1 }),
    left: (state) => ({ ...state, left: state.left + 1 }),
    right: (state) => ({ ...state, right: state.right + 1 }),
    rang: (state) => ({ ...state, rings: state.rings + 1 }),
  })
  .timers<{ ring: undefined }>({ ring: (counter) => counter.persist("rang") })
  .commands({
    /** Three events in one commit, and a timer that ends this process's life or outlives it. */
    add: (counter) => {
      counter.persist("left");
      counter.persist("counted");
      counter.persist("right");
      if (counter.state.count === 1) counter.timers.start("ring", { afterMs: 1_500 });
    },
    get: (counter) => counter.state,
  });

async function add(system: System, id: string, key: string): Promise<void> {
  process.stdout.write(`sent ${id} ${key}\n`);
  await system.actor(Counter, id).with({ idempotencyKey: key, timeoutMs: 60_000 }).add();
  process.stdout.write(`done ${id} ${key}\n`);
}

async function run(dataDir: string, round: string): Promise<void> {
  const again = readFileSync(0, "utf8").split("\n").filter(Boolean);
  const system = await createSystem({
    name: "killed",
    dataDir,
    shards: 8,
    definitions: [Counter],
    logger: silentLogger,
  });
  await Promise.all(
    again.map((line) => {
      const [id = "", key = ""] = line.split(" ");
      return add(system, id, key);
    }),
  );
  process.stdout.write("repeated\n");
  let next = 0;
  const caller = async (): Promise<never> => {
    for (;;) {
      const call = next++;
      await add(system, `c${call % actors}`, `${round}-${call}`);
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, caller));
}

async function show(dataDir: string): Promise<void> {
  await using system = await createSystem({
    name: "shown",
    dataDir,
    definitions: [Counter],
    logger: silentLogger,
  });
  const ids = await system.ids(Counter);
  const states = await Promise.all(
    ids.map(async (id) => [id, await system.actor(Counter, id).get()] as const),
  );
  process.stdout.write(JSON.stringify(Object.fromEntries(states)));
}

const [mode, dataDir = "", round = ""] = process.argv.slice(2);
await (mode === "run" ? run(dataDir, round) : show(dataDir));
