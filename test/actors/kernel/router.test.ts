import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HashRing } from "../../../src/actors/kernel/hash-ring.ts";
import {
  consistentHash,
  defineActor,
  defineBehaviour,
  defineRouter,
  isTroupeError,
  type MessageRef,
} from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const Worker = defineActor("worker", {
  initialState: (self, props: { tag: string }) => ({ name: `${props.tag}${self.id}`, done: 0 }),
  supervision: { otherwise: { action: "stop" } },
}).commands({
  who: (me, _key: string) => {
    me.state.done++;
    return me.state.name;
  },
  fail: (_me, _key: string): void => {
    throw new Error("bang");
  },
});

describe("a router", () => {
  test("round robin gives every actor its share", async () => {
    const Pool = defineRouter("pool", { routee: Worker, size: 3 });
    const kit = createTestKernel();
    const pool = kit.kernel.spawn(Pool, "p", { props: { tag: "w" } });
    const names = await kit.run(Promise.all(Array.from({ length: 9 }, () => pool.who("k"))));
    expect(names.sort()).toEqual(["w0", "w0", "w0", "w1", "w1", "w1", "w2", "w2", "w2"]);
    expect(kit.kernel.actors().map(({ path }) => path)).toEqual(["/p", "/p/0", "/p/1", "/p/2"]);
    await kit.stop();
  });

  test("consistent hash keeps a key with its actor, also when another one ends", async () => {
    const route = consistentHash(({ input }) => String(input[0]));
    const Pool = defineRouter("pool", { routee: Worker, size: 4, route });
    const kit = createTestKernel();
    const pool = kit.kernel.spawn(Pool, "p", { props: { tag: "w" } });
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    const ask = () => kit.run(Promise.all(keys.map((key) => pool.who(key))));
    const before = await ask();
    expect(new Set(before).size).toBe(4);
    expect(await ask()).toEqual(before);
    const gone = before[0];
    await kit.run(pool.fail(keys[0] ?? "").catch(() => {}));
    await kit.settle();
    const after = await ask();
    for (const [i, owner] of after.entries()) {
      expect(owner).not.toBe(gone);
      if (before[i] !== gone) expect(owner).toBe(before[i]);
    }
    await kit.stop();
  });

  test("a failed ask and the end of all actors reach the caller", async () => {
    const Pool = defineRouter("pool", { routee: Worker, size: 1 });
    const kit = createTestKernel();
    const pool = kit.kernel.spawn(Pool, "p", { props: { tag: "w" } });
    const error: unknown = await kit.run(pool.fail("k").catch((e: unknown) => e));
    expect(isTroupeError(error, "TROUPE_COMMAND_FAILED")).toBe(true);
    const late: unknown = await kit.run(pool.who("k").catch((e: unknown) => e));
    expect(isTroupeError(late, "TROUPE_ACTOR_STOPPED")).toBe(true);
    expect(kit.kernel.actors()).toEqual([]);
    await kit.stop();
  });

  test("speaks the plain messages of its behaviours", async () => {
    type Question = { type: "q"; n: number; replyTo: MessageRef<number> };
    const Square = defineBehaviour<Question>("square", () => (message) => {
      message.replyTo.tell(message.n ** 2);
    });
    const kit = createTestKernel();
    const pool = kit.kernel.spawn(defineRouter("squares", { routee: Square, size: 2 }), "s");
    const all = [1, 2, 3].map((n) => pool.ask({ type: "q", n }));
    expect(await kit.run(Promise.all(all))).toEqual([1, 4, 9]);
    await kit.stop();
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses a size of %s", (size) => {
    expect(() => defineRouter("pool", { routee: Worker, size })).toThrow(/size must be a whole/);
  });
});

describe("the hash ring", () => {
  test("spreads keys evenly enough", () => {
    const ring = new HashRing(new Map(Array.from({ length: 8 }, (_, i) => [`m${i}`, i])));
    const shares = new Array<number>(8).fill(0);
    for (let i = 0; i < 80_000; i++) {
      const owner = ring.find(`user:${i}`) ?? 0;
      shares[owner] = (shares[owner] ?? 0) + 1;
    }
    for (const share of shares) {
      expect(share).toBeGreaterThan(6_000);
      expect(share).toBeLessThan(14_500);
    }
  });

  test("only the keys of a member that leaves find another one", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 8 }),
        fc.array(fc.string(), { maxLength: 50 }),
        (names, keys) => {
          const all = new Map(names.map((name) => [name, name]));
          const rest = new Map(all);
          rest.delete(names[0] ?? "");
          const before = new HashRing(all);
          const after = new HashRing(rest);
          for (const key of keys) {
            const owner = before.find(key);
            if (owner !== names[0]) expect(after.find(key)).toBe(owner);
          }
        },
      ),
    );
  });

  test("an empty one finds nobody", () => {
    expect(new HashRing(new Map()).find("k")).toBeUndefined();
  });
});
