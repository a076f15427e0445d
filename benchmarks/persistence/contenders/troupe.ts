import { definePersistentActor } from "../../../src/actors/persistence/index.ts";
import { createSystem } from "../../../src/actors/system/index.ts";
import { type Contender, type ContenderOptions, eventData } from "../contender.ts";

/** An open loop that is too fast for the machine, or for one actor, shall show as latency, not as failures. */
const timeoutMs = 120_000;
const limits = { mailboxMessagesMax: 1_000_000 };

const Account = definePersistentActor("account", {
  initialState: () => ({ balanceCents: 0, deposits: 0 }),
})
  .events({
    deposited: (state, e: { amountCents: number; memo: string }) => ({
      balanceCents: state.balanceCents + e.amountCents,
      deposits: state.deposits + 1,
    }),
  })
  .commands({
    deposit: (account, data: { amountCents: number; memo: string }) =>
      account.persist("deposited", data),
  });

export async function open({ store, shards, actors }: ContenderOptions): Promise<Contender> {
  const { dataDir, brokers = [], replicationFactor = 1 } = store;
  const system = await createSystem({
    name: "bench",
    shards,
    ...(dataDir === undefined
      ? {
          kafka: {
            brokers,
            replicationFactor,
            topic: `bench-${shards}-${replicationFactor}-${actors}`,
          },
        }
      : { dataDir }),
    definitions: [Account],
    limits,
  });
  const accounts = Array.from({ length: actors }, (_, number) =>
    system.actor(Account, `a${number}`).with({ timeoutMs }),
  );
  return {
    call(actor) {
      const account = accounts[actor];
      if (account === undefined) throw new Error(`there is no actor ${actor}`);
      return account.deposit(eventData);
    },
    close: () => system.stop(),
  };
}
