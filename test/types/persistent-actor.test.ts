/** The typed face of persistent actors: what must compile, and what must not. Checked by tsc; run by vitest. */
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import {
  actorContract,
  type CommandRejectedError,
  type ContractOf,
  command,
  createSystem,
  definePersistentActor,
  isRejectedBy,
  isTroupeError,
  type PersistentContext,
  type Rejection,
  silentLogger,
} from "../../src/index.ts";

interface AccountState {
  balanceCents: number;
  status: "open" | "closed";
}

const Account = definePersistentActor("account", {
  initialState: (): AccountState => ({ balanceCents: 0, status: "open" }),
  snapshot: { everyEvents: 500 },
})
  .events({
    deposited: (state, e: { amountCents: number }) => ({
      ...state,
      balanceCents: state.balanceCents + e.amountCents,
    }),
    withdrawn: {
      version: 2,
      upcast: { 1: (old: { amount: number }) => ({ amountCents: old.amount * 100 }) },
      handle: (state, e: { amountCents: number }) => ({
        ...state,
        balanceCents: state.balanceCents - e.amountCents,
      }),
    },
    closed: (state) => ({ ...state, status: "closed" }),
  })
  .timers<{ dormant: { sinceMs: number } }>({
    dormant: (account) => account.persist("closed"),
  })
  .commands({
    /** Puts money in. */
    deposit: (account, amountCents: number) => account.persist("deposited", { amountCents }),
    withdraw: async (account, amountCents: number) => {
      const shortCents = amountCents - account.state.balanceCents;
      if (shortCents > 0) return account.reject("insufficient-funds", { shortCents });
      account.persist("withdrawn", { amountCents });
      account.timers.start("dormant", { afterMs: 86_400_000 }, { sinceMs: account.now.getTime() });
      account.afterCommit(() => account.log.info("paid"));
      return account.state.balanceCents;
    },
    credit: command(z.object({ amountCents: z.number().int().positive() }), (account, input) =>
      account.persist("deposited", input),
    ),
    balance: (account) => account.state.balanceCents,
  });

describe("what compiles", () => {
  it("is the documented example, and it runs", async () => {
    await using system = await createSystem({
      name: "shop",
      definitions: [Account],
      logger: silentLogger,
      shards: 4,
    });
    const alice = system.actor(Account, "alice");
    await alice.deposit(500);
    const left: number = await alice.with({ timeoutMs: 500, idempotencyKey: "w-1" }).withdraw(100);
    expect(left).toBe(400);
    const tried = await alice.try.withdraw(9_999);
    if (tried.ok) expect.unreachable();
    else expectTypeOf(tried.rejection.details.shortCents).toEqualTypeOf<number>();
    alice.tell.deposit(1);
    try {
      await alice.withdraw(9_999);
      expect.unreachable();
    } catch (error) {
      if (isRejectedBy(error, Account, "withdraw")) {
        expectTypeOf(error.rejection.reason).toEqualTypeOf<"insufficient-funds">();
        expect(error.rejection.reason).toBe("insufficient-funds");
      } else if (isTroupeError(error) && error.code === "TROUPE_ASK_TIMEOUT") {
        expectTypeOf(error.details.timeoutMs).toEqualTypeOf<number>();
        throw error;
      } else throw error;
    }
    await alice.credit({ amountCents: 9 });
    expect(await alice.balance()).toBe(410);

    const elsewhere = actorContract<ContractOf<typeof Account>>("account", {
      deposit: true,
      withdraw: true,
      credit: true,
      balance: true,
    });
    expect(await system.actor(elsewhere, "alice").balance()).toBe(410);
  });

  it("gives callers the commands without the context", () => {
    type Commands = ContractOf<typeof Account>;
    expectTypeOf<Commands["deposit"]>().toEqualTypeOf<(amountCents: number) => void>();
    expectTypeOf<Commands["balance"]>().toEqualTypeOf<() => number>();
    expectTypeOf<Commands["credit"]>().toEqualTypeOf<(input: { amountCents: number }) => void>();
    expectTypeOf<Commands["withdraw"]>().toEqualTypeOf<
      (
        amountCents: number,
      ) => Promise<number | Rejection<"insufficient-funds", { shortCents: number }>>
    >();
    expectTypeOf(isRejectedBy<typeof Account, "withdraw">).guards.toEqualTypeOf<
      CommandRejectedError<Rejection<"insufficient-funds", { shortCents: number }>>
    >();
  });

  it("takes actors without timers, without commands' inputs, and states that are not objects", () => {
    const Counter = definePersistentActor("counter", { initialState: () => 0 })
      .events({ added: (state, by: number) => state + by, cleared: () => 0 })
      .commands({
        add: (counter, by: number) => counter.persist("added", by),
        clear: (counter) => counter.persist("cleared"),
      });
    expectTypeOf<ContractOf<typeof Counter>>().toEqualTypeOf<{
      readonly add: (by: number) => void;
      readonly clear: () => void;
    }>();
    const Names = definePersistentActor("names", {
      initialState: (): readonly string[] => [],
      open: (state) => state.length > 0,
      recovered: (names) => names.log.info(names.state.join()),
    })
      .events({ named: (state, name: string) => [...state, name] })
      .commands({ name: (names, name: string) => names.persist("named", name) });
    // `recovered` is declared before the events, and still fits a function that knows them.
    type Known = PersistentContext<{ n: number }, { added: { by: number } }, { late: undefined }>;
    const recover = (known: Known): void => known.persist("added", { by: known.state.n });
    const Typed = definePersistentActor("typed", {
      initialState: () => ({ n: 0 }),
      recovered: (known) => recover(known),
    });
    expect([Counter.name, Names.name, Typed]).toMatchObject(["counter", "names", {}]);
  });
});

describe("what does not compile", () => {
  const withEvents = definePersistentActor("faults", {
    initialState: (): AccountState => ({ balanceCents: 0, status: "open" }),
  }).events({
    added: (state, e: { cents: number }) => ({ ...state, balanceCents: e.cents }),
    cleared: (state) => ({ ...state, balanceCents: 0 }),
  });
  const definitionsOnly = (): void => {
    withEvents.commands({
      // @ts-expect-error no such event
      misspelt: (actor) => actor.persist("aded", { cents: 1 }),
      // @ts-expect-error the payload is missing
      empty: (actor) => actor.persist("added"),
      // @ts-expect-error a wrong payload
      wrong: (actor) => actor.persist("added", { cents: "1" }),
      // @ts-expect-error this event has no payload
      surplus: (actor) => actor.persist("cleared", { cents: 1 }),
      // @ts-expect-error the state is read-only
      mutating: (actor) => (actor.state.balanceCents = 1),
      // @ts-expect-error there are no timers
      timer: (actor) => actor.timers.start("any", { afterMs: 1 }),
      // @ts-expect-error persist replies nothing
      leaking: (actor): number => actor.persist("cleared"),
    });
    // @ts-expect-error a command's input must be annotated
    withEvents.commands({ loose: (_actor, input) => input.cents });
    // @ts-expect-error 'then' is a reserved name: rename this command
    withEvents.commands({ then: () => 1 });
    // @ts-expect-error 'tell' is a reserved name: rename this command
    withEvents.commands({ tell: () => 1 });
    withEvents.commands({
      // @ts-expect-error the handler takes what the schema gives
      schema: command(z.object({ n: z.number() }), (_actor, input: { n: string }) => input),
    });
    // @ts-expect-error timers need their types: write .timers<{ name: Data }>({ name: handler })
    withEvents.timers({ late: () => {} });
    // @ts-expect-error a timer without a handler
    withEvents.timers<{ late: { ms: number }; later: null }>({ late: () => {} });
    withEvents
      .timers<{ late: { ms: number }; bare: undefined }>({
        late: (_actor, data) => data.ms,
        bare: () => {},
      })
      .commands({
        ok: (actor) => actor.timers.start("bare", { afterMs: 1 }),
        // @ts-expect-error no such timer
        other: (actor) => actor.timers.start("early", { afterMs: 1 }),
        // @ts-expect-error its data is missing
        nothing: (actor) => actor.timers.start("late", { afterMs: 1 }),
        // @ts-expect-error no time is given
        never: (actor) => actor.timers.start("late", {}, { ms: 1 }),
      });
    // @ts-expect-error effects need their types: write .effects<{ name: Data }>({ name: handler })
    withEvents.effects({ mail: () => {} });
    // @ts-expect-error an effect without a handler
    withEvents.effects<{ mail: { to: string }; ping: undefined }>({ mail: () => {} });
    withEvents.commands({
      // @ts-expect-error there are no effects
      effect: (actor) => actor.effects.run("any"),
    });
    withEvents
      .effects<{ mail: { to: string }; ping: undefined }>({
        mail: (effect, data) => `${effect.idempotencyKey} ${data.to.length}`,
        // @ts-expect-error an effect is no turn
        ping: (effect) => effect.persist("cleared"),
      })
      .timers<{ late: undefined }>({ late: (actor) => void actor.effects.run("ping") })
      .commands({
        mail: (actor): string => actor.effects.run("mail", { to: "ann" }),
        cancel: (actor, key: string) => actor.effects.cancel(key),
        // @ts-expect-error no such effect
        other: (actor) => actor.effects.run("letter"),
        // @ts-expect-error its data is missing
        nothing: (actor) => actor.effects.run("mail"),
        // @ts-expect-error wrong data
        wrong: (actor) => actor.effects.run("mail", { to: 1 }),
      });
    const begun = definePersistentActor("begun", {
      initialState: (): AccountState => ({ balanceCents: 0, status: "open" }),
    });
    // @ts-expect-error 'balnceCents' is not in the state
    begun.events({ typo: (state) => ({ ...state, balnceCents: 1 }) });
    // @ts-expect-error not a state
    begun.events({ partial: () => ({ balanceCents: 1 }) });
    // @ts-expect-error not a status
    begun.events({ literal: (state) => ({ ...state, status: "shut" }) });
    // @ts-expect-error names that start with '~' belong to the framework: rename this event
    begun.events({ "~mine": (state) => state });
    // @ts-expect-error Property 'commands' does not exist on type 'PersistentActorWithoutEvents<…>'
    begun.commands({});
    // @ts-expect-error an upcaster is missing its map
    begun.events({ old: { version: 2, handle: (state: AccountState) => state } });
  };

  const callsOnly = async (system: Awaited<ReturnType<typeof createSystem>>): Promise<void> => {
    const alice = system.actor(Account, "alice");
    // @ts-expect-error Did you mean 'deposit'?
    await alice.depsit(1);
    // @ts-expect-error a wrong input
    await alice.deposit("1");
    // @ts-expect-error the input is missing
    await alice.deposit();
    // @ts-expect-error what the schema takes
    await alice.credit({ amountCents: "1" });
    // @ts-expect-error a reply without its rejection
    const reply: string = await alice.withdraw(1);
    // @ts-expect-error tell has no reply
    const told: number = alice.tell.withdraw(1);
    const tried = await alice.try.withdraw(1);
    // @ts-expect-error only after `ok` was looked at
    const unread: number = tried.value;
    // @ts-expect-error no such option
    alice.with({ timeout: 5 });
    // @ts-expect-error no such command
    isRejectedBy(new Error(), Account, "withdrew");
    // @ts-expect-error a command is missing
    actorContract<ContractOf<typeof Account>>("account", { deposit: true });
    // @ts-expect-error an id is a text
    system.actor(Account, 7);
    expect([reply, told, unread]).toBeDefined();
  };

  it("is checked by the compiler alone", () => {
    expect([definitionsOnly, callsOnly]).toHaveLength(2);
  });

  it("is refused at run time too, for JavaScript", () => {
    const untyped = definePersistentActor("js", { initialState: () => 0 }) as never as {
      events(events: object): { commands(commands: object): unknown };
    };
    expect(() => untyped.events({ "~x": () => 0 })).toThrow("do not start with '~'");
    expect(() => untyped.events({}).commands({ then: () => 0 })).toThrow("reserved");
    const noUpcast = { version: 3, upcast: { 1: (old: unknown) => old }, handle: () => 0 };
    expect(() => untyped.events({ noUpcast })).toThrow("none for version 2");
    expect(() => definePersistentActor("a/b", { initialState: () => 0 })).toThrow("'/'");
  });
});
