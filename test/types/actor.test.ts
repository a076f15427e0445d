/** The typed face of actors in memory: what must compile, and what must not. Checked by tsc; run by vitest. */
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import {
  type ActorRef,
  type AnyTroupeError,
  type CommandRejectedError,
  command,
  createKernel,
  defineActor,
  defineBehaviour,
  defineRouter,
  type Handle,
  isRejectedBy,
  isTroupeError,
  type MessageRef,
  type Rejection,
  TroupeError,
} from "../../src/actors/kernel/index.ts";

const Greeter = defineActor("greeter", { initialState: () => ({ greeted: 0 }) }).commands({
  /** Says hello. */
  greet: (actor, name: string) => `Hello, ${name}! You are visitor ${++actor.state.greeted}.`,
  later: async (actor, ms: number, flag?: boolean) => {
    await Promise.resolve(flag);
    if (ms < 0) return actor.reject("too-early", { byMs: -ms });
    return actor.state.greeted;
  },
  maybe: (actor) => {
    if (actor.state.greeted === 0) return actor.stash();
    if (actor.state.greeted < 0) return actor.reject("negative");
    return { greeted: actor.state.greeted };
  },
  add: command(z.object({ count: z.coerce.number() }), (actor, input) => {
    expectTypeOf(input).toEqualTypeOf<{ count: number }>();
    actor.state.greeted += input.count;
  }),
});

const Pool = defineActor("pool", {
  initialState: (self, props: { size: number }) => ({ id: self.id, size: props.size }),
}).commands({
  take: async (pool, who: string) => {
    const child = pool.spawn(Greeter, who);
    pool.watch(child, (me, { failure }) => {
      expectTypeOf(me.state).toEqualTypeOf<{ id: string; size: number }>();
      expectTypeOf(failure).toBeUnknown();
    });
    return child.greet(who);
  },
});

type DoorMessage =
  | { type: "open"; by: string }
  | { type: "isOpen"; replyTo: MessageRef<boolean> }
  | { type: "count"; since: number; replyTo: MessageRef<number> };
const Door = defineBehaviour<DoorMessage>("door", () => () => {});

/** Code that is checked and never run. */
function never(_code: () => unknown): void {}

const kernel = createKernel({ name: "types" });
const greeter = kernel.spawn(Greeter, "g");

describe("a handle", () => {
  it("has the commands without their context, and their replies without rejections", () => {
    never(() => {
      expectTypeOf(greeter.greet).toEqualTypeOf<(name: string) => Promise<string>>();
      expectTypeOf(greeter.later).toEqualTypeOf<(ms: number, flag?: boolean) => Promise<number>>();
      expectTypeOf(greeter.maybe).toEqualTypeOf<() => Promise<{ greeted: number }>>();
      expectTypeOf(greeter.tell.greet).toEqualTypeOf<(name: string) => void>();
      expectTypeOf(greeter.add).parameter(0).toEqualTypeOf<{ count: unknown }>();
      expectTypeOf(greeter.ref).toEqualTypeOf<ActorRef>();
      expectTypeOf(greeter.with({ timeoutMs: 1 })).toEqualTypeOf<typeof greeter>();
    });
    expect(typeof greeter.greet).toBe("function");
  });

  it("refuses wrong names, inputs and options", () => {
    never(() => [
      // @ts-expect-error misspelt
      greeter.great("Ada"),
      // @ts-expect-error a number is no name
      greeter.greet(1),
      // @ts-expect-error one input is missing
      greeter.greet(),
      // @ts-expect-error one input too many
      greeter.greet("Ada", "Bob"),
      // @ts-expect-error misspelt
      greeter.tell.great("Ada"),
      // @ts-expect-error the schema wants an object
      greeter.add(3),
      // @ts-expect-error misspelt option
      greeter.with({ timeout: 5 }),
      // @ts-expect-error a duration is a number
      greeter.with({ timeoutMs: "5s" }),
      // @ts-expect-error undefined is not absent
      greeter.with({ timeoutMs: undefined }),
      // @ts-expect-error commands cannot be replaced
      (greeter.greet = () => Promise.resolve("")),
    ]);
    expect(Object.keys(greeter)).toEqual([]);
  });

  it("gives rejections typed per command", () => {
    never(async () => {
      const tried = await greeter.try.later(1);
      if (tried.ok) expectTypeOf(tried.value).toEqualTypeOf<number>();
      else expectTypeOf(tried.rejection.details).toEqualTypeOf<{ byMs: number }>();
      // @ts-expect-error the outcome has to be looked at first
      void tried.value;
      const error: unknown = undefined;
      if (isRejectedBy(error, Greeter, "later")) {
        expectTypeOf(error.rejection.reason).toEqualTypeOf<"too-early">();
        expectTypeOf(error).toExtend<CommandRejectedError<Rejection<"too-early">>>();
      }
      // @ts-expect-error no such command
      isRejectedBy(error, Greeter, "earlier");
    });
    expect(isRejectedBy(undefined, Greeter, "later")).toBe(false);
  });
});

describe("a definition", () => {
  it("refuses reserved names with a sentence, inputs without a type, foreign contexts", () => {
    never(() => [
      defineActor("a", { initialState: () => ({}) }).commands({
        // @ts-expect-error 'then' is a reserved name: rename this command
        then: () => 1,
      }),
      defineActor("a", { initialState: () => ({}) }).commands({
        // @ts-expect-error 'tell' is a reserved name: rename this command
        tell: () => 1,
      }),
      defineActor("a", { initialState: () => ({}) }).commands({
        // @ts-expect-error an input without a type is of no use
        put: (_actor, input) => input.length as unknown,
      }),
      defineActor("a", { initialState: () => ({ n: 1 }) }).commands({
        // @ts-expect-error the state has no such field
        get: (actor) => actor.state.m as unknown,
      }),
      defineActor("a", { initialState: () => ({ n: 1 }) }).commands({
        // @ts-expect-error the state's field is a number
        set: (actor) => void (actor.state.n = "1"),
      }),
      defineActor("a", {
        initialState: () => ({}),
        // @ts-expect-error a policy has one of four actions
        supervision: { otherwise: { action: "retry" } },
      }),
      defineActor("a", {
        initialState: () => 1,
        // @ts-expect-error a limit belongs to a restart
        supervision: { otherwise: { action: "stop", restartsMax: 1 } },
      }),
      // @ts-expect-error misspelt option
      defineActor("a", { initialState: () => ({}), mailbox: { max: 1 } }),
      command(
        z.object({ n: z.number() }),
        // @ts-expect-error the schema decides what the handler gets
        (_actor: unknown, input: { n: string }) => input.n,
      ),
    ]);
    expect(Greeter.commandNames).toEqual(["greet", "later", "maybe", "add"]);
  });

  it("asks spawn for its props, and only then", () => {
    never(() => {
      expectTypeOf(
        kernel.spawn(Pool, "p", { props: { size: 3 } }).take,
      ).returns.resolves.toBeString();
      return [
        // @ts-expect-error the props are missing
        kernel.spawn(Pool, "p"),
        // @ts-expect-error the props are wrong
        kernel.spawn(Pool, "p", { props: { size: "3" } }),
        // @ts-expect-error the props are missing
        kernel.spawn(Pool, "p", { mailbox: { messagesMax: 1 } }),
        // @ts-expect-error an actor with props cannot be had by name alone
        kernel.actor(Pool, "p"),
        kernel.spawn(Greeter, "g2", { mailbox: { messagesMax: 5 } }),
      ];
    });
    expect(Pool.name).toBe("pool");
  });

  it("is what a router is spoken to as", () => {
    const Team = defineRouter("team", { routee: Pool, size: 2 });
    never(() => {
      const team = kernel.spawn(Team, "t", { props: { size: 1 } });
      expectTypeOf(team).toEqualTypeOf<
        Handle<{ readonly take: (who: string) => Promise<string> }>
      >();
      // @ts-expect-error the props are those of its actors
      kernel.spawn(Team, "t");
    });
    expect(Team.name).toBe("team");
  });
});

describe("a message reference", () => {
  it("takes the messages of its protocol, and answers questions by their type", () => {
    never(async () => {
      const door = kernel.spawn(Door, "d");
      expectTypeOf(door).toEqualTypeOf<MessageRef<DoorMessage>>();
      door.tell({ type: "open", by: "me" });
      expectTypeOf(await door.ask({ type: "isOpen" })).toEqualTypeOf<boolean>();
      expectTypeOf(await door.ask({ type: "count", since: 1 })).toEqualTypeOf<number>();
      // @ts-expect-error no such message
      door.tell({ type: "shut" });
      // @ts-expect-error a field is missing
      door.tell({ type: "open" });
      // @ts-expect-error replyTo is missing: ask instead
      door.tell({ type: "isOpen" });
      // @ts-expect-error nothing answers to this message
      await door.ask({ type: "open", by: "me" });
      // @ts-expect-error a field is missing
      await door.ask({ type: "count" });
    });
    expect(Door.name).toBe("door");
  });

  it("is contravariant: it may be given away for fewer messages, never for more", () => {
    never(() => {
      const wide = undefined as unknown as MessageRef<string | number>;
      const narrow: MessageRef<string> = wide;
      // @ts-expect-error it would get numbers that it does not know
      const wider: MessageRef<string | number> = narrow;
      return wider;
    });
    expect(narrowsAtRuntime()).toBe(true);
  });
});

function narrowsAtRuntime(): boolean {
  return kernel.spawn(Door, "runtime").ref.path === "/runtime";
}

describe("errors", () => {
  it("have the details of their code", () => {
    const error: unknown = new TroupeError("TROUPE_ASK_TIMEOUT", {
      actor: "/a",
      command: "c",
      timeoutMs: 1,
    });
    never(() => {
      if (isTroupeError(error)) {
        expectTypeOf(error).toEqualTypeOf<AnyTroupeError>();
        if (error.code === "TROUPE_ASK_TIMEOUT") expectTypeOf(error.details.timeoutMs).toBeNumber();
        // @ts-expect-error not every code has this detail
        void error.details.timeoutMs;
      }
      if (isTroupeError(error, "TROUPE_MAILBOX_FULL")) {
        expectTypeOf(error.details.messagesMax).toBeNumber();
      }
      // @ts-expect-error no such code
      isTroupeError(error, "TROUPE_NONE");
      // @ts-expect-error the details of another code
      return new TroupeError("TROUPE_ASK_TIMEOUT", { actor: "/a" });
    });
    expect(isTroupeError(error, "TROUPE_ASK_TIMEOUT") && error.details.timeoutMs).toBe(1);
  });
});
