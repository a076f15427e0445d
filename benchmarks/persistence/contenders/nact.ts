/** nact's persistent actors over our own embedded log: the same bytes, synced as often, one record an event. */
import { join } from "node:path";
import * as nactModule from "nact";
import { openEmbeddedJournal } from "../../../src/actors/persistence/journals/index.ts";
import { type Contender, type ContenderOptions, eventData } from "../contender.ts";

interface PersistedEvent {
  readonly key: string;
  readonly sequenceNumber: number;
  readonly data: unknown;
}

interface Context {
  readonly persist: (event: unknown) => Promise<void>;
}

type Ref = object;

// Loosely typed, as in the kernel's suite: nact's own types refuse what its documentation shows.
interface Nact {
  start(...plugins: unknown[]): Ref;
  configurePersistence(engine: object): unknown;
  spawnPersistent(
    parent: Ref,
    handler: (state: number | undefined, message: Deposit, context: Context) => Promise<number>,
    key: string,
    name: string,
  ): Ref;
  dispatch(ref: Ref, message: unknown): void;
  stop(ref: Ref): void;
}

interface Deposit {
  readonly amountCents: number;
  readonly done: () => void;
}

const nact = nactModule as unknown as Nact;

export async function open({ store, shards, actors }: ContenderOptions): Promise<Contender> {
  const directory = join(store.dataDir ?? "", "nact");
  const journal = await openEmbeddedJournal({ directory, shards });
  const engine = {
    events: () => [],
    latestSnapshot: () => Promise.resolve(undefined),
    takeSnapshot: () => Promise.resolve(),
    async persist({ key, sequenceNumber, data }: PersistedEvent): Promise<void> {
      const bytes = Buffer.from(JSON.stringify([key, sequenceNumber, data]));
      const [result] = await journal.append([{ shard: Number(key) % shards, expected: 0, bytes }]);
      if (result?.outcome !== "at") throw new Error(`not written: ${result?.outcome}`);
    },
  };
  const system = nact.start(nact.configurePersistence(engine));
  const refs = Array.from({ length: actors }, (_, number) =>
    nact.spawnPersistent(
      system,
      async (balance = 0, { amountCents, done }, { persist }) => {
        await persist(eventData);
        done();
        return balance + amountCents;
      },
      String(number),
      `a${number}`,
    ),
  );
  return {
    peer: "nact 7.6.2",
    call: (actor) =>
      new Promise<void>((done) => {
        nact.dispatch(refs[actor] as Ref, { amountCents: eventData.amountCents, done });
      }),
    async close() {
      nact.stop(system);
      await journal.close();
    },
  };
}
