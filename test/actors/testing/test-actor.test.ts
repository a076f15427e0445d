import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { testActor } from "../../../src/actors/testing/index.ts";
import { command, definePersistentActor, isTroupeError } from "../../../src/index.ts";

const paid: string[] = [];

const Account = definePersistentActor("account", {
  initialState: () => ({ cents: 0, closed: false }),
})
  .events({
    deposited: (state, e: { cents: number }) => ({ ...state, cents: state.cents + e.cents }),
    withdrawn: (state, e: { cents: number }) => ({ ...state, cents: state.cents - e.cents }),
    closed: (state) => ({ ...state, closed: true }),
  })
  .effects<{ receipt: { cents: number } }>({ receipt: () => paid.push("by an effect") })
  .timers<{ dormant: { sinceMs: number } }>({ dormant: (account) => account.persist("closed") })
  .commands({
    deposit: command(z.object({ cents: z.number().positive() }), (account, e) =>
      account.persist("deposited", e),
    ),
    withdraw: async (account, cents: number) => {
      const short = cents - account.state.cents;
      if (short > 0) {
        account.persist("closed");
        return account.reject("insufficient-funds", { short });
      }
      account.persist("withdrawn", { cents });
      account.timers.start("dormant", { afterMs: 1_000 }, { sinceMs: account.now.getTime() });
      account.afterCommit(() => paid.push(account.id));
      account.effects.run("receipt", { cents });
      return account.state.cents;
    },
    fail: () => {
      throw new Error("broken");
    },
    close: (account) => account.delete(),
  });

describe("testActor", () => {
  it("shows what a command decides", async () => {
    const { events, reply, rejection, state, timers, effects } = await testActor(Account, {
      id: "ann",
    })
      .given({ type: "deposited", data: { cents: 5 } })
      .at(new Date(7_000))
      .when.withdraw(3);
    expect(events).toEqual([{ type: "withdrawn", data: { cents: 3 } }]);
    expectTypeOf(reply).toEqualTypeOf<number | undefined>();
    expect([reply, rejection]).toEqual([2, undefined]);
    expect(state).toEqual({ cents: 2, closed: false });
    expect([...timers]).toEqual([["dormant", { atMs: 8_000, data: { sinceMs: 7_000 } }]]);
    expect(effects).toEqual([{ effect: "receipt", data: { cents: 3 } }]);
    expect(paid).toEqual(["ann"]);
  });

  it("keeps nothing of a turn that rejects, fails or is refused", async () => {
    const account = testActor(Account).given({ type: "deposited", data: { cents: 5 } });
    const rejected = await account.when.withdraw(9);
    expectTypeOf(rejected.rejection?.details.short).toEqualTypeOf<number | undefined>();
    expect(rejected).toMatchObject({ events: [], rejection: { details: { short: 4 } } });
    const failed = await account.when.fail();
    expect(failed).toMatchObject({ events: [], error: new Error("broken") });
    const refused = await account.when.deposit({ cents: -1 });
    expect(isTroupeError(refused.error, "TROUPE_COMMAND_INVALID")).toBe(true);
    expect(refused.state).toEqual({ cents: 5, closed: false });
  });

  it("goes on from turn to turn, and fires timers", async () => {
    const account = testActor(Account);
    await account.when.deposit({ cents: 5 });
    expect((await account.when.withdraw(5)).reply).toBe(0);
    const fired = await account.fires("dormant", { sinceMs: 1 });
    expect(fired).toMatchObject({ events: [{ type: "closed" }], state: { closed: true } });
    expect(fired.timers.size).toBe(0);
    expect(await account.when.close()).toMatchObject({ deleted: true, state: { cents: 0 } });
  });

  it("takes only events of the definition", () => {
    const wrong = (): void => {
      // @ts-expect-error no such event
      testActor(Account).given({ type: "deposted", data: { cents: 1 } });
      // @ts-expect-error a wrong payload
      testActor(Account).given({ type: "deposited", data: { cents: "1" } });
      // @ts-expect-error a payload is missing
      testActor(Account).given({ type: "deposited" });
      testActor(Account).given({ type: "closed" });
    };
    expect(wrong).toBeTypeOf("function");
  });
});
