/** Definitions that the types refuse, as JavaScript gives them: a coded error names option and definition at once. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  command,
  createSystem,
  defineActor,
  definePersistentActor,
  isTroupeError,
  type System,
  silentLogger,
} from "../../../src/index.ts";
import { failureOf, start } from "./entity-fixture.ts";

// As JavaScript sees them: without types.
type Anything = never;

function optionOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isTroupeError(error, "TROUPE_OPTION_INVALID") ? error.details.option : String(error);
  }
  return "nothing was thrown";
}

const initialState = () => 0;
const begin = () => definePersistentActor("a", { initialState }).events({});
const handle = (state: number) => state;
const upcast = { 1: (old: unknown) => old };

describe("options", () => {
  test.each<[string, unknown]>([
    ["options", undefined],
    ["options", null],
    ["initialState", {}],
    ["initialState", { initialState: {} }],
    ["open", { initialState, open: 5 }],
    ["recovered", { initialState, recovered: 5 }],
    ["serial", { initialState, serial: "yes" }],
    ["passivateAfterMs", { initialState, passivateAfterMs: -1 }],
    ["passivateAfterMs", { initialState, passivateAfterMs: Number.NaN }],
    ["passivateAfterMs", { initialState, passivateAfterMs: "x" }],
    ["mailbox", { initialState, mailbox: 5 }],
    ["mailbox.messagesMax", { initialState, mailbox: { messagesMax: 0 } }],
    ["mailbox.messagesMax", { initialState, mailbox: { messagesMax: -1 } }],
    ["mailbox.messagesMax", { initialState, mailbox: { messagesMax: "x" } }],
    ["snapshot", { initialState, snapshot: 100 }],
    ["snapshot.everyEvents", { initialState, snapshot: { everyEvents: 0 } }],
    ["snapshot.everyEvents", { initialState, snapshot: { everyEvents: -1 } }],
    ["snapshot.everyEvents", { initialState, snapshot: { everyEvents: Number.NaN } }],
    ["snapshot.everyEvents", { initialState, snapshot: { everyEvents: "x" } }],
    ["snapshot.everyBytes", { initialState, snapshot: { everyBytes: 0 } }],
    ["snapshot.everyMs", { initialState, snapshot: { everyMs: "x" } }],
  ])("%s: %j", (option, options) => {
    expect(optionOf(() => definePersistentActor("a", options as Anything))).toBe(
      `${option} of "a"`,
    );
  });

  test("never to leave memory, and never to write the state, are choices", () => {
    const never = Number.POSITIVE_INFINITY;
    const options = { initialState, passivateAfterMs: never, snapshot: { everyEvents: never } };
    expect(optionOf(() => definePersistentActor("a", options))).toBe("nothing was thrown");
  });

  test.each<[string, object]>([
    ["version", { version: 70_000 }],
    ["version", { version: 0 }],
    ["upcast", { version: 2 }],
    ["upcast", { version: 3, upcast }],
  ])("%s of a snapshot: %j", (option, snapshot) => {
    const define = () =>
      definePersistentActor("a", { initialState, snapshot }).events({}).commands({});
    expect(optionOf(define)).toBe(`${option} of the snapshot of "a"`);
  });
});

test.each([5, undefined, "", "a/b", "~a"])("no name: %s", (name) => {
  const define = () => definePersistentActor(name as Anything, { initialState });
  expect(define).toThrow(expect.objectContaining({ code: "TROUPE_NAME_INVALID" }) as Error);
  expect(define).toThrow("names of persistent actors are texts");
});

describe("events", () => {
  test.each<[string, unknown]>([
    ["events", undefined],
    ['event "e"', { e: null }],
    ['event "e"', { e: 5 }],
    ['handle of event "e"', { e: { version: 1, upcast: {} } }],
    ['upcast of event "e"', { e: { version: 2, handle } }],
    ['upcast of event "e"', { e: { version: 3, upcast, handle } }],
    ['upcast of event "e"', { e: { version: 4, upcast: { ...upcast, 3: handle }, handle } }],
    ['version of event "e"', { e: { version: 0, upcast, handle } }],
    ['version of event "e"', { e: { version: 70_000, upcast, handle } }],
    ['version of event "e"', { e: { version: "2", upcast, handle } }],
  ])("%s: %j", (option, events) => {
    const some = definePersistentActor("a", { initialState });
    expect(optionOf(() => some.events(events as Anything))).toBe(`${option} of "a"`);
  });
});

describe("effects, timers and commands", () => {
  test.each<[string, unknown, unknown]>([
    ["effects", null, {}],
    ["effects.send", { send: 5 }, {}],
    ["options of the effects", {}, null],
    ["effects.attemptsMax", {}, { attemptsMax: 0 }],
    ["effects.attemptsMax", {}, { attemptsMax: 1.5 }],
    ["effects.timeoutMs", {}, { timeoutMs: -1 }],
    ["effects.timeoutMs", {}, { timeoutMs: "x" }],
  ])("%s: %j %j", (option, handlers, options) => {
    const run = () => begin().effects(handlers as Anything, options as Anything);
    expect(optionOf(run)).toBe(`${option} of "a"`);
  });

  test.each<[string, unknown]>([
    ["timers", undefined],
    ["timers.ring", { ring: 5 }],
  ])("%s: %j", (option, handlers) => {
    expect(optionOf(() => begin().timers(handlers as Anything))).toBe(`${option} of "a"`);
  });

  const schema = z.string();
  test.each<[string, unknown]>([
    ["commands", undefined],
    ["commands.go", { go: 5 }],
    ["commands.go", { go: {} }],
    ["commands.go.schema", { go: command({} as Anything, () => 1) }],
    ["commands.go.schema", { go: command(null as Anything, () => 1) }],
    ["commands.go.handler", { go: command(schema, undefined as Anything) }],
  ])("%s: %j", (option, commands) => {
    expect(optionOf(() => begin().commands(commands as Anything))).toBe(`${option} of "a"`);
    // The same for actors in memory.
    const inMemory = defineActor("a", { initialState: () => ({}) });
    expect(optionOf(() => inMemory.commands(commands as Anything))).toBe(option);
  });
});

describe("a system", () => {
  const InMemory = defineActor("m", { initialState: () => ({}) }).commands({});
  test.each<[string, unknown]>([
    ["{}", {}],
    ["null", null],
    ["an actor in memory", InMemory],
    ["one that is not finished", begin()],
  ])("is given %s for a definition", async (_what, definition) => {
    const definitions = [definition as Anything];
    for (const given of [definitions, () => definitions]) {
      const made = createSystem({ name: "s", logger: silentLogger, definitions: given });
      expect(await failureOf(made)).toMatchObject({ details: { option: "definitions[0]" } });
    }
  });

  test("is asked for an actor of nothing", async () => {
    const system: System = await start();
    for (const nothing of [undefined, null, {}]) {
      expect(optionOf(() => system.actor(nothing as Anything, "x"))).toBe("definition");
    }
  });
});

test("what came is shown as what it is, and not all of what is long", () => {
  const said = (options: unknown) => {
    const failed = failureOf(
      Promise.resolve().then(() => definePersistentActor("a", options as Anything)),
    );
    return failed.then((error) => (error as Error).message);
  };
  return Promise.all([
    expect(said({ initialState, passivateAfterMs: "5" })).resolves.toContain('but is "5".'),
    expect(said({ initialState, snapshot: handle })).resolves.toContain("but is a function."),
    expect(said("x".repeat(70_000)).then(({ length }) => length)).resolves.toBeLessThan(200),
  ]);
});
