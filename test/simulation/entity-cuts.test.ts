/**
 * Entities whose log is cut under them while they work: whatever the moment, a crash finds the same state, timers,
 * remembered replies and pending effects that were there before.
 *
 * `TROUPE_SEED` plays one run; `TROUPE_CUT_RUNS` says how many are played.
 */
import { expect, test } from "vitest";
import { createTestSystem, type TestSystem } from "../../src/actors/testing/index.ts";
import { definePersistentActor } from "../../src/index.ts";

const only = Number(process.env["TROUPE_SEED"] ?? 0);
const runs = Number(process.env["TROUPE_CUT_RUNS"] ?? 300);

const initialState = () => ({ sum: 0, count: 0, ticks: 0, called: 0 });

const Busy = definePersistentActor("busy", { initialState })
  .events({
    added: (state, by: number) => ({ ...state, sum: state.sum + by, count: state.count + 1 }),
    ticked: (state) => ({ ...state, ticks: state.ticks + 1 }),
    called: (state) => ({ ...state, called: state.called + 1 }),
  })
  .effects<{ call: undefined }>({
    call: () => {
      throw new Error("the service is away");
    },
  })
  .timers<{ tick: undefined }>({ tick: (busy) => busy.persist("ticked") })
  .commands({
    add: (busy, by: number) => {
      busy.persist("added", by);
      return busy.state.sum;
    },
    start: (busy, afterMs: number) => busy.timers.start("tick", { afterMs }),
    cancel: (busy) => busy.timers.cancel("tick"),
    call: (busy) => {
      busy.persist("called");
      busy.effects.run("call", undefined);
    },
    end: (busy) => busy.delete(),
    look: (busy) => busy.state,
  });

const ids = ["a", "b", "c"];

interface Played {
  readonly cuts: number;
  readonly copied: number;
}

/** A call that nobody waits for; some have a key, some are the end of their actor. */
function work({ system, random }: TestSystem): void {
  const id = ids[Math.floor(random.next() * ids.length)] ?? "a";
  const key = { idempotencyKey: `${id}-${Math.floor(random.next() * 20)}` };
  const { tell } = system.actor(Busy, id);
  const kind = random.next();
  if (kind < 0.6) tell.add(Math.floor(random.next() * 100));
  else if (kind < 0.75) system.actor(Busy, id).with(key).tell.add(1);
  else if (kind < 0.83) tell.start(Math.floor(random.next() * 50));
  else if (kind < 0.88) tell.cancel();
  else if (kind < 0.97) tell.call();
  else tell.end();
}

/** What each of them is: its state, what its first keys are answered, and how many effects it still has to run. */
async function lookAtAll(kit: TestSystem): Promise<unknown> {
  const { system } = kit;
  const looked = ids.map(async (id) => {
    const busy = system.actor(Busy, id);
    const keyed = [0, 1, 2].map((n) => busy.with({ idempotencyKey: `${id}-${n}` }).add(1));
    return [...(await Promise.all(keyed)), await busy.look()];
  });
  const states = await kit.run(Promise.all(looked));
  const effects = system.entities().map(({ id, pendingEffects }) => `${id}: ${pendingEffects}`);
  return { states, effects: effects.sort() };
}

async function play(seed: number): Promise<Played> {
  let cuts = 0;
  let copied = 0;
  const kit = await createTestSystem({
    seed,
    definitions: [Busy],
    shards: 1,
    // So that some still recover while others write already.
    limits: { cutAfterBytes: 2_000, recoveriesMax: 1 },
    journalObserver: {
      cut: (_shard, { entitiesCopied }) => {
        cuts += 1;
        copied += entitiesCopied;
      },
    },
  });
  const busyFor = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      for (let calls = Math.floor(kit.random.next() * 4); calls > 0; calls--) work(kit);
      await kit.advance(kit.random.next() * 3);
    }
  };
  const again = `TROUPE_SEED=${seed} plays this run again`;
  for (let life = 0; life < 3; life++) {
    await busyFor(40);
    // All timers have fired by then.
    await kit.advance(100);
    const before = await lookAtAll(kit);
    await kit.crash();
    expect(await lookAtAll(kit), again).toEqual(before);
    const ticks = await ticksOfAll(kit);
    for (const id of ids) await kit.run(kit.system.actor(Busy, id).start(300));
    await addToAll(kit);
    await kit.crash();
    await addToAll(kit);
    await kit.advance(400);
    expect(await ticksOfAll(kit), again).toEqual(ticks.map((count) => count + 1));
    await addToAll(kit);
    for (let n = 0; n < 30; n++) kit.system.actor(Busy, ids[n % 3] ?? "a").tell.add(1);
    for (const id of ids) kit.system.actor(Busy, id).tell.end();
    await kit.advance(50);
    expect(await kit.run(kit.system.ids(Busy)), again).toEqual([]);
  }
  await kit.stop();
  return { cuts, copied };
}

async function addToAll(kit: TestSystem): Promise<void> {
  for (let n = 0; n < 60; n++) {
    kit.system.actor(Busy, ids[n % 3] ?? "a").tell.add(1);
    if (n % 10 === 0) await kit.advance(kit.random.next() * 2);
  }
  await kit.advance(20);
}

async function ticksOfAll(kit: TestSystem): Promise<number[]> {
  const looked = ids.map((id) => kit.system.actor(Busy, id).look());
  return (await kit.run(Promise.all(looked))).map(({ ticks }) => ticks);
}

test("a log that is cut under busy entities leaves them what they are", async () => {
  let cuts = 0;
  let copied = 0;
  for (let seed = only || 1; seed <= (only || runs); seed++) {
    const played = await play(seed);
    cuts += played.cuts;
    copied += played.copied;
  }
  if (only > 0) return;
  expect(cuts / runs).toBeGreaterThan(3);
  expect(copied / runs).toBeGreaterThan(3);
});
