/** What one turn does and does not do. */
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { limits } from "../../../src/actors/kernel/index.ts";
import { Entity } from "../../../src/actors/persistence/entity.ts";
import {
  command,
  definePersistentActor,
  isTroupeError,
  type PersistentContext,
} from "../../../src/index.ts";
import { disk, failureOf, settle, start } from "./entity-fixture.ts";

const effects: string[] = [];
let gate: { open: () => void; readonly opened: Promise<void> };
let kept: PersistentContext<{ n: number }, { added: number }, object> | undefined;

function closeGate(): void {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  gate = { open, opened };
}

const Counter = definePersistentActor("counter", { initialState: () => ({ n: 0 }) })
  .events({
    added: (state, by: number) => {
      if (by > 1_000) throw new RangeError("too much");
      return { n: state.n + by };
    },
    changed: (state, change: unknown) => (change === undefined ? state : { ...state }),
  })
  .commands({
    add: (counter, by: number) => counter.persist("added", by),
    addTwice: (counter, by: number) => {
      counter.persist("added", by);
      counter.persist("added", by);
      return counter.state.n;
    },
    addThenThrow: (counter, by: number) => {
      counter.persist("added", by);
      counter.afterCommit(() => effects.push("never"));
      throw new TypeError("broken handler");
    },
    addThenReject: (counter, by: number) => {
      counter.persist("added", by);
      counter.afterCommit(() => effects.push("never"));
      return counter.reject("no", { by });
    },
    addSlowly: async (counter, by: number) => {
      counter.persist("added", by);
      await gate.opened;
      counter.persist("added", by);
      return counter.state.n;
    },
    withEffects: (counter, by: number) => {
      counter.persist("added", by);
      counter.afterCommit(() => effects.push(`first ${by}`));
      counter.afterCommit(() => {
        throw new Error("an effect");
      });
      counter.afterCommit(() => effects.push(`last ${by}`));
      return by;
    },
    leak: (counter) => {
      kept = counter as never;
    },
    store: (counter, value: unknown) => counter.persist("changed", value),
    typed: command(z.object({ by: z.string().transform(Number) }), (counter, { by }) => {
      counter.persist("added", by);
      return counter.state.n;
    }),
    checkedLater: command(
      z.object({ by: z.number() }).refine(async ({ by }) => Promise.resolve(by !== 13), "unlucky"),
      (counter, { by }) => counter.persist("added", by),
    ),
    get: (counter) => counter.state.n,
    whole: (counter) => counter.state,
    when: (counter) => [counter.now.getTime(), counter.now.getTime(), counter.id] as const,
  });

describe("a turn", () => {
  it("commits all of its events or none, and sees its own", async () => {
    const system = await start();
    const one = system.actor(Counter, "one");
    expect(await one.addTwice(2)).toBe(4);
    const failed = await failureOf(one.addThenThrow(1));
    expect(isTroupeError(failed, "TROUPE_COMMAND_FAILED") && failed.cause).toBeInstanceOf(
      TypeError,
    );
    const { rejection, ok } = (await one.try.addThenReject(1)) as {
      ok: boolean;
      rejection?: unknown;
    };
    expect([ok, rejection]).toEqual([false, { reason: "no", details: { by: 1 } }]);
    expect(await one.get()).toBe(4);
    expect(effects).toEqual([]);
  });

  it("goes on after a fault: the state is what was confirmed", async () => {
    const system = await start();
    const one = system.actor(Counter, "faulty");
    await one.add(1);
    for (let i = 0; i < 5; i++) await failureOf(one.addThenThrow(7));
    await one.add(1);
    expect(await one.get()).toBe(2);
  });

  it("never lets an event into the log that its handler cannot apply", async () => {
    const journal = disk();
    const system = await start({ journal });
    const one = system.actor(Counter, "bad-event");
    await one.add(1);
    const failed = await failureOf(one.add(5_000));
    expect(isTroupeError(failed, "TROUPE_COMMAND_FAILED") && failed.cause).toBeInstanceOf(
      RangeError,
    );
    await system.stop();
    const again = await start({ journal });
    expect(await again.actor(Counter, "bad-event").get()).toBe(1);
  });

  it("refuses data that cannot be stored, with the path, and writes nothing", async () => {
    const system = await start();
    const one = system.actor(Counter, "payloads");
    const failed = await failureOf(one.store({ list: [{ now: () => 1 }] }));
    const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : undefined;
    expect(isTroupeError(cause, "TROUPE_PAYLOAD_INVALID") && cause.details.path).toBe(
      "payload.list[0].now",
    );
  });

  it("refuses one event above the cap before it gets a number", async () => {
    const system = await start();
    const one = system.actor(Counter, "big");
    const failed = await failureOf(one.store("x".repeat(9_000_000)));
    expect(isTroupeError(failed, "TROUPE_EVENT_TOO_LARGE")).toBe(true);
    await one.add(1);
    expect(await one.get()).toBe(1);
    const narrow = await start({ limits: { eventBytesMax: 2_000 } });
    const narrowly = await failureOf(narrow.actor(Counter, "big").store("x".repeat(2_000)));
    expect(isTroupeError(narrowly, "TROUPE_EVENT_TOO_LARGE")).toBe(true);
  });

  it("runs its effects after the commit, in order, before the reply; one that throws hurts none", async () => {
    const journal = disk();
    const system = await start({ journal });
    const one = system.actor(Counter, "effects");
    await one.get();
    effects.length = 0;
    const release = journal.hold();
    const reply = one.withEffects(3).then((by) => effects.push(`reply ${by}`));
    await settle();
    expect(effects).toEqual([]);
    release();
    await reply;
    expect(effects).toEqual(["first 3", "last 3", "reply 3"]);
  });

  it("holds the entity while its handler waits, and keeps the order", async () => {
    const system = await start();
    const one = system.actor(Counter, "slow");
    closeGate();
    const order: number[] = [];
    const slow = one.addSlowly(10).then((n) => order.push(n));
    const after = one.get().then((n) => order.push(n));
    await settle();
    expect(order).toEqual([]);
    gate.open();
    await Promise.all([slow, after]);
    expect(order).toEqual([20, 20]);
  });

  it("ends with its handler: a context that was kept refuses everything", async () => {
    const system = await start();
    await system.actor(Counter, "leaky").leak();
    expect(() => kept?.persist("added", 1)).toThrow("outside of a turn");
    expect(() => kept?.state).toThrow("outside of a turn");
    expect(() => kept?.afterCommit(() => {})).toThrow("outside of a turn");
  });

  it("of a defect of the framework itself ends one entity's life in memory, never the turns of the others", async () => {
    const system = await start();
    const [one, other] = [system.actor(Counter, "one"), system.actor(Counter, "other")];
    await Promise.all([one.add(1), other.add(1)]);
    const drain = vi.spyOn(Entity.prototype, "drain");
    // More often than an actor of the kernel may restart.
    for (let times = 0; times < limits.restartsMax + 2; times++) {
      drain.mockImplementationOnce(() => {
        throw new Error("a planted defect");
      });
      const failed = await failureOf(one.add(1));
      expect(isTroupeError(failed, "TROUPE_RECOVERY_FAILED") && failed.message).toContain(
        "planted",
      );
    }
    drain.mockRestore();
    expect(await Promise.all([one.get(), other.get()])).toEqual([1, 1]);
  });

  it("has one time throughout, and the entity's id", async () => {
    const system = await start();
    const [first, second, id] = await system.actor(Counter, "time/with slash").when();
    expect([first === second, id]).toEqual([true, "time/with slash"]);
  });

  it("gives out a frozen state", async () => {
    const system = await start();
    const one = system.actor(Counter, "frozen");
    await one.add(1);
    const state = await one.whole();
    expect(() => Object.assign(state, { n: 99 })).toThrow(TypeError);
    expect(await one.get()).toBe(1);
  });
});

describe("a command with a schema", () => {
  it("hands the schema's output to the handler, and refuses what does not fit before the turn", async () => {
    const system = await start();
    const one = system.actor(Counter, "schema");
    expect(await one.typed({ by: "5" })).toBe(5);
    const failed = await failureOf(one.typed({ by: 5 } as never));
    if (!isTroupeError(failed, "TROUPE_COMMAND_INVALID")) throw failed;
    expect(failed.details.issues[0]).toMatch(/^by: /);
    expect(failed.outcome).toBe("not-done");
    expect(await one.get()).toBe(5);
  });

  it("waits for a schema that checks asynchronously", async () => {
    const system = await start();
    const one = system.actor(Counter, "async-schema");
    await one.checkedLater({ by: 2 });
    const failed = await failureOf(one.checkedLater({ by: 13 }));
    expect(isTroupeError(failed, "TROUPE_COMMAND_INVALID")).toBe(true);
    expect(await one.get()).toBe(2);
  });

  it("answers an unknown command with the ones there are", async () => {
    const system = await start();
    const { ref } = system.actor(Counter, "unknown");
    const target = ref as unknown as {
      ask(command: string, input: unknown[]): Promise<unknown>;
    };
    const failed = await failureOf(target.ask("substract", []));
    expect(isTroupeError(failed, "TROUPE_COMMAND_UNKNOWN") && failed.details.known).toContain(
      "add",
    );
  });
});

describe("a call", () => {
  it("told a command that fails becomes a dead letter", async () => {
    const system = await start();
    system.actor(Counter, "told").tell.addThenThrow(1);
    await settle();
    expect(system.kernel.deadLetters.samples()).toMatchObject([
      { to: "counter/told", command: "addThenThrow", message: [1], reason: "unhandled" },
    ]);
  });

  it("is not started once its caller has given up", async () => {
    const system = await start();
    const one = system.actor(Counter, "expired");
    closeGate();
    const slow = one.addSlowly(1);
    const aborter = new AbortController();
    const given = one.with({ signal: aborter.signal }).add(100);
    await settle();
    aborter.abort();
    const aborted = await failureOf(given);
    expect(isTroupeError(aborted, "TROUPE_CALL_ABORTED")).toBe(true);
    const late = await failureOf(one.with({ timeoutMs: 5 }).add(1_000));
    expect(isTroupeError(late, "TROUPE_ASK_TIMEOUT") && late.outcome).toBe("unknown");
    gate.open();
    expect(await slow).toBe(2);
    expect(await one.get()).toBe(2);
    expect(system.kernel.deadLetters.counts()).toEqual({ expired: 2 });
  });

  it("is refused when the queue of the entity is full", async () => {
    const system = await start({ limits: { mailboxMessagesMax: 3 } });
    const one = system.actor(Counter, "full");
    await one.get();
    closeGate();
    const slow = one.addSlowly(1);
    await settle();
    const waiting = [one.add(1), one.add(1), one.add(1)];
    const failed = await failureOf(one.add(1));
    expect(isTroupeError(failed, "TROUPE_MAILBOX_FULL") && failed.details.messagesMax).toBe(3);
    one.tell.add(1);
    gate.open();
    await Promise.all([slow, ...waiting]);
    expect(await one.get()).toBe(5);
    expect(system.kernel.deadLetters.counts()).toEqual({ "mailbox-full": 1 });
  });

  it("is refused for an id or key that cannot be one", async () => {
    const system = await start();
    expect(() => system.actor(Counter, "")).toThrow("1 to 512 characters");
    for (const none of [5, undefined, null, Object.create(null), Symbol("s")]) {
      expect(() => system.actor(Counter, none as never)).toThrow("an id is a text");
    }
    expect(() => system.actor(Counter, 5 as never)).toThrow(/"5" cannot be used .* of type number/);
    expect(() => system.actor(Counter, "x".repeat(600))).toThrow("and this is one of 600");
    const keyed = system.actor(Counter, "keys").with({ idempotencyKey: "k".repeat(300) });
    expect(isTroupeError(await failureOf(keyed.add(1)), "TROUPE_OPTION_INVALID")).toBe(true);
  });

  it.each<[string, unknown]>([
    ["idempotencyKey", "\ud800"],
    ["idempotencyKey", `${"k".repeat(100)}\udc00`],
    ["idempotencyKey", 5],
    ["read", "bogus"],
    ["read", null],
    ["signal", "x"],
    ["signal", null],
    ["signal", {}],
  ])("is refused with the option %s: %j", async (option, value) => {
    const system = await start();
    const one = system.actor(Counter, "options").with({ [option]: value });
    const refused = { code: "TROUPE_OPTION_INVALID", details: { option } };
    expect(await failureOf(one.add(1))).toMatchObject(refused);
    expect(() => one.tell.add(1)).toThrow(`The option ${option} must be`);
    expect(await system.actor(Counter, "options").get()).toBe(0);
  });

  it("takes a key of any whole characters, and each way to read", async () => {
    const system = await start();
    const { signal } = new AbortController();
    for (const read of ["linearizable", "local"] as const) {
      await system
        .actor(Counter, "whole")
        .with({ read, signal, idempotencyKey: "naïve 😀" })
        .add(1);
    }
    expect(await system.actor(Counter, "whole").get()).toBe(1);
  });

  it("is refused in few words for a name of very many characters", async () => {
    const system = await start();
    const Long = definePersistentActor("x".repeat(70_000), { initialState: () => 0 })
      .events({ happened: (state) => state })
      .commands({ go: (long) => long.persist("happened") });
    const failed = await failureOf(system.actor(Long, "one").go());
    const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : failed;
    expect(isTroupeError(cause, "TROUPE_NAME_INVALID") && cause.details.name.length).toBe(81);
  });
});
