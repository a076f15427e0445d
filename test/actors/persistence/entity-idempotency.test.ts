/** The same key twice gives the first reply, also after a crash. */
import { describe, expect, it } from "vitest";
import { definePersistentActor, isTroupeError } from "../../../src/index.ts";
import { crash, disk, failureOf, settle, start } from "./entity-fixture.ts";

let runs = 0;

const Till = definePersistentActor("till", {
  initialState: () => ({ cents: 0 }),
  snapshot: { everyEvents: 3 },
})
  .events({ paid: (state, e: { cents: number }) => ({ cents: state.cents + e.cents }) })
  .commands({
    pay: (till, cents: number) => {
      runs++;
      till.persist("paid", { cents });
      return { left: till.state.cents, at: till.now };
    },
    take: (till, cents: number) => {
      runs++;
      if (cents > till.state.cents) return till.reject("empty", { has: till.state.cents });
      return till.persist("paid", { cents: -cents });
    },
    look: (till) => {
      runs++;
      return till.state.cents;
    },
    fail: () => {
      runs++;
      throw new Error("broken");
    },
    odd: (till) => {
      till.persist("paid", { cents: 1 });
      return () => 1;
    },
    close: (till) => till.delete(),
  });

describe("a call with a key", () => {
  it("runs once: the repeat gets the first reply", async () => {
    const system = await start();
    const till = system.actor(Till, "a");
    const keyed = till.with({ idempotencyKey: "k" });
    runs = 0;
    const first = await keyed.pay(5);
    expect(await keyed.pay(5)).toEqual(first);
    expect(await keyed.pay(7)).toEqual(first);
    expect([runs, await till.look()]).toEqual([1, 5]);
  });

  it("sent twice at once runs once", async () => {
    const journal = disk();
    const system = await start({ journal });
    const till = system.actor(Till, "twice");
    await till.look();
    runs = 0;
    const keyed = till.with({ idempotencyKey: "k" });
    const release = journal.hold();
    const both = Promise.all([keyed.pay(5), keyed.pay(5)]);
    await settle();
    release();
    const [first, second] = await both;
    expect(second).toEqual(first);
    expect(runs).toBe(1);
  });

  it("is remembered after a crash, from events and from a base alike", async () => {
    const journal = disk();
    for (const payments of [1, 5]) {
      const id = `crash-${payments}`;
      const system = await start({ journal });
      const till = system.actor(Till, id);
      const first = await till.with({ idempotencyKey: "k" }).pay(1);
      for (let i = 1; i < payments; i++) await till.pay(1);
      crash(system);
      const again = await start({ journal });
      runs = 0;
      expect(await again.actor(Till, id).with({ idempotencyKey: "k" }).pay(1)).toEqual(first);
      expect(runs).toBe(0);
      expect(await again.actor(Till, id).look()).toBe(payments);
      await again.stop();
    }
  });

  it("gets the first rejection again, and the first answer of a read", async () => {
    const system = await start();
    const till = system.actor(Till, "refused");
    const taken = await till.with({ idempotencyKey: "t" }).try.take(5);
    const looked = await till.with({ idempotencyKey: "l" }).look();
    await till.pay(10);
    expect(await till.with({ idempotencyKey: "t" }).try.take(5)).toEqual(taken);
    expect(taken).toMatchObject({ ok: false, rejection: { reason: "empty", details: { has: 0 } } });
    expect(await till.with({ idempotencyKey: "l" }).look()).toBe(looked);
    expect(await till.look()).toBe(10);
  });

  it("runs again after a fault: nothing was done", async () => {
    const system = await start();
    const keyed = system.actor(Till, "faulty").with({ idempotencyKey: "f" });
    runs = 0;
    await failureOf(keyed.fail());
    await failureOf(keyed.fail());
    expect(runs).toBe(2);
  });

  it("belongs to one command", async () => {
    const system = await start();
    const keyed = system.actor(Till, "mixed").with({ idempotencyKey: "k" });
    await keyed.pay(1);
    const failed = await failureOf(keyed.look());
    expect(isTroupeError(failed, "TROUPE_IDEMPOTENCY_KEY_REUSED") && failed.details).toMatchObject({
      command: "look",
      firstCommand: "pay",
    });
  });

  it("needs a reply that can be stored: else nothing is done", async () => {
    const system = await start();
    const till = system.actor(Till, "odd");
    const failed = await failureOf(till.with({ idempotencyKey: "k" }).odd());
    expect(isTroupeError(failed, "TROUPE_PAYLOAD_INVALID") && failed.outcome).toBe("not-done");
    expect(await till.look()).toBe(0);
    await till.odd();
    expect(await till.look()).toBe(1);
  });

  it("is forgotten when its window has passed, and with a deletion", async () => {
    const system = await start();
    const till = system.actor(Till, "window");
    await till.with({ idempotencyKey: "first" }).pay(1);
    const fill = Array.from({ length: 1_000 }, (_, n) =>
      till.with({ idempotencyKey: `k${n}`, timeoutMs: 60_000 }).pay(0),
    );
    await Promise.all(fill);
    runs = 0;
    await till.with({ idempotencyKey: "k999" }).pay(0);
    expect(runs).toBe(0);
    await till.with({ idempotencyKey: "first" }).pay(1);
    expect([runs, await till.look()]).toEqual([1, 2]);
    await till.close();
    await till.with({ idempotencyKey: "k999" }).pay(4);
    expect(await till.look()).toBe(4);
  });
});
