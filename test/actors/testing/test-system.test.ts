import { describe, expect, test } from "vitest";
import { createTestSystem, type TestSystem } from "../../../src/actors/testing/index.ts";
import { defineActor, definePersistentActor, isTroupeError } from "../../../src/index.ts";

const Account = definePersistentActor("account", { initialState: () => ({ cents: 0, ticks: 0 }) })
  .events({
    deposited: (state, e: { cents: number }) => ({ ...state, cents: state.cents + e.cents }),
    ticked: (state) => ({ ...state, ticks: state.ticks + 1 }),
  })
  .timers<{ tick: undefined }>({ tick: (account) => account.persist("ticked") })
  .commands({
    deposit: (account, cents: number) => {
      account.persist("deposited", { cents });
      return account.state.cents;
    },
    wake: (account, afterMs: number) => account.timers.start("tick", { afterMs }),
    look: (account) => account.state,
  });

const start = (seed: number): Promise<TestSystem> =>
  createTestSystem({ seed, definitions: [Account], shards: 2 });

/** Deposits from several clients, and crashes: what happened, in order, and what was left. */
async function play(seed: number): Promise<{ readonly told: string; readonly problem: string }> {
  const kit = await start(seed);
  const told: string[] = [];
  const acknowledged = new Map<string, number>();
  const asked = new Map<string, number>();
  const add = (to: Map<string, number>, id: string) => to.set(id, (to.get(id) ?? 0) + 1);
  for (let life = 0; life < 3; life++) {
    const { system } = kit;
    for (let call = 0; call < 12; call++) {
      const id = `a${Math.floor(kit.random.next() * 4)}`;
      add(asked, id);
      system
        .actor(Account, id)
        .deposit(1)
        .then(
          (cents) => {
            add(acknowledged, id);
            told.push(`${id}=${cents}@${kit.clock.monotonicMs().toFixed(3)}`);
          },
          (error: unknown) => void told.push(String(error)),
        );
    }
    await kit.advance(kit.random.next() * 8);
    told.push(`crash ${life}`);
    await kit.crash();
  }
  let problem = "";
  for (const [id, most] of asked) {
    const { cents } = await kit.run(kit.system.actor(Account, id).look());
    const least = acknowledged.get(id) ?? 0;
    told.push(`${id} has ${cents}`);
    if (cents < least || cents > most) problem = `${id}: ${least} <= ${cents} <= ${most}`;
  }
  await kit.stop();
  return { told: told.join("\n"), problem };
}

describe("a whole system from a seed", () => {
  test("the same seed plays the same run, crashes included; others play others", async () => {
    const runs = new Set<string>();
    for (let seed = 1; seed <= 6; seed++) {
      const { told } = await play(seed);
      expect((await play(seed)).told, `seed ${seed}`).toBe(told);
      runs.add(told);
    }
    expect(runs.size).toBe(6);
  });

  test("what was acknowledged outlives every crash, and nothing counts twice", async () => {
    let lost = 0;
    let unheard = 0;
    for (let seed = 100; seed < 130; seed++) {
      const { told, problem } = await play(seed);
      expect(problem, `seed ${seed}`).toBe("");
      const answers = told.match(/^a\d=/gm)?.length ?? 0;
      const kept = [...told.matchAll(/has (\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
      if (answers < 36) lost++;
      if (kept > answers) unheard++;
    }
    // Crashes did cut in, before a write and between a write and its answer.
    expect(lost).toBeGreaterThan(15);
    expect(unheard).toBeGreaterThan(3);
  });

  test("a durable timer fires at its time, also after a crash, and a month passes in no time", async () => {
    const kit = await start(1);
    const month = 30 * 86_400_000;
    await kit.run(kit.system.actor(Account, "a").wake(month));
    await kit.crash();
    await kit.advance(month / 2);
    expect(await kit.run(kit.system.actor(Account, "a").look())).toMatchObject({ ticks: 0 });
    await kit.crash();
    await kit.advance(month / 2);
    expect(await kit.run(kit.system.actor(Account, "a").look())).toMatchObject({ ticks: 1 });
    await kit.stop();
  });

  test("actors in memory and persistent ones run under the same schedule; a restart is in good order", async () => {
    const kit = await start(5);
    const Clerk = defineActor("clerk", { initialState: () => ({}) }).commands({
      pay: async (_clerk, id: string) => kit.system.actor(Account, id).deposit(2),
    });
    const clerk = kit.system.spawn(Clerk, "one");
    expect(await kit.run(clerk.pay("a"))).toBe(2);
    const before = kit.system;
    const left = before.actor(Account, "b").deposit(2);
    await kit.restart();
    expect(kit.system).not.toBe(before);
    expect(await kit.run(left)).toBe(2);
    expect(await kit.run(kit.system.actor(Account, "b").look())).toMatchObject({ cents: 2 });
    expect(() => before.actor(Account, "a")).toThrow();
    await kit.stop();
  });

  test("a promise that nothing can settle is an error with the seed, also while timers repeat", async () => {
    const kit = await start(77);
    const Ticker = defineActor("ticker", {
      initialState: () => ({}),
    }).commands({
      start: (ticker) => ticker.timers.start("tick", { everyMs: 1_000 }, () => {}),
    });
    await kit.run(kit.system.spawn(Ticker, "t").start());
    await expect(kit.run(new Promise(() => {}))).rejects.toThrow(/timers have fired.*seed 77/);
    await kit.stop();
  });

  test("whoever asked before a crash hears nothing, and what they sent later reaches nobody", async () => {
    const kit = await start(9);
    const old = kit.system.actor(Account, "a");
    let heard: unknown;
    old.deposit(1).then(
      () => (heard = "answer"),
      (error: unknown) => (heard = error),
    );
    await kit.crash();
    old.tell.deposit(100);
    await kit.advance(60_000);
    expect(heard).toBeUndefined();
    const { cents } = await kit.run(kit.system.actor(Account, "a").look());
    expect(cents).toBeLessThanOrEqual(1);
    await kit.stop();
  });

  test("options that make no sense are refused as they are by createSystem", async () => {
    await expect(createTestSystem({ limits: { askTimeoutMs: -1 } })).rejects.toSatisfy(
      (error: unknown) => isTroupeError(error),
    );
  });
});
