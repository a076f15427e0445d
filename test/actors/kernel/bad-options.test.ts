/** Options that the types refuse, as JavaScript gives them: each is named in a coded error before anything starts. */
import { describe, expect, test } from "vitest";
import {
  consistentHash,
  createKernel,
  defineActor,
  defineBehaviour,
  defineRouter,
  isTroupeError,
} from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

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

const initialState = () => ({});
const Plain = defineActor("plain", { initialState }).commands({ hi: () => "hi" });

describe("a definition", () => {
  const restart = { action: "restart" };
  test.each<[string, unknown]>([
    ["options", undefined],
    ["options", 5],
    ["initialState", {}],
    ["initialState", { initialState: 5 }],
    ["supervision", { initialState, supervision: "restart" }],
    ["supervision.rules", { initialState, supervision: { rules: {} } }],
    ["supervision.rules[0]", { initialState, supervision: { rules: [7] } }],
    ["supervision.rules[0].on", { initialState, supervision: { rules: [restart] } }],
    ["supervision.otherwise.action", { initialState, supervision: { otherwise: { action: "x" } } }],
    [
      "supervision.otherwise.restartsMax",
      { initialState, supervision: { otherwise: { ...restart, restartsMax: -1 } } },
    ],
    [
      "supervision.otherwise.withinMs",
      { initialState, supervision: { otherwise: { ...restart, withinMs: Number.NaN } } },
    ],
    [
      "supervision.otherwise.backoff.maxMs",
      { initialState, supervision: { otherwise: { ...restart, backoff: { minMs: 9, maxMs: 1 } } } },
    ],
    ["mailbox.messagesMax", { initialState, mailbox: { messagesMax: 0 } }],
    ["mailbox.messagesMax", { initialState, mailbox: { messagesMax: "9" } }],
    ["mailbox.overflow", { initialState, mailbox: { overflow: "explode" } }],
  ])("%s: %j", (option, options) => {
    expect(optionOf(() => defineActor("a", options as Anything))).toBe(option);
  });

  test("commands that are none", () => {
    const some = defineActor("a", { initialState });
    expect(optionOf(() => some.commands(undefined as Anything))).toBe("commands");
    expect(optionOf(() => some.commands({ go: 5 } as Anything))).toBe("commands.go");
    expect(optionOf(() => defineBehaviour("b", {} as Anything))).toBe("setUp");
  });

  test("restarts without a limit are a choice", () => {
    const otherwise = { action: "restart", restartsMax: Number.POSITIVE_INFINITY } as const;
    const run = () => defineActor("a", { initialState, supervision: { otherwise } });
    expect(optionOf(run)).toBe("nothing was thrown");
  });
});

test("a spawn of what is no definition, or with options that are none", async () => {
  const kit = createTestKernel();
  const { kernel } = kit;
  expect(optionOf(() => kernel.spawn(undefined as Anything, "a"))).toBe("definition");
  expect(optionOf(() => kernel.spawn({} as Anything, "a"))).toBe("definition");
  const mailbox = { messagesMax: -1 };
  expect(optionOf(() => kernel.spawn(Plain, "a", { mailbox }))).toBe("mailbox.messagesMax");
  expect(kernel.actors()).toEqual([]);
  await kit.stop();
});

test("bounds that there are not, or that are no numbers", () => {
  const withLimits = (limits: unknown) => () =>
    createKernel({ name: "k", limits: limits as Anything });
  expect(optionOf(withLimits({ mailboxMax: 1 }))).toBe("limits");
  expect(optionOf(withLimits({ askTimeoutMs: "1 s" }))).toBe("limits.askTimeoutMs");
  expect(optionOf(withLimits({ askTimeoutMs: -1 }))).toBe("limits.askTimeoutMs");
  // With nothing in a turn, nothing would ever be handled; a stash of nothing is a choice.
  expect(optionOf(withLimits({ turnMessagesMax: 0 }))).toBe("limits.turnMessagesMax");
  expect(optionOf(withLimits({ stashMessagesMax: 0 }))).toBe("nothing was thrown");
});

test("a timer without a time, and a routing key that is no text, fail the command that made them", async () => {
  const kit = createTestKernel();
  const Odd = defineActor("odd", { initialState }).commands({
    start: (odd) => odd.timers.start("t", null as Anything, () => {}),
  });
  const cause = (promise: Promise<unknown>) =>
    kit.run(promise.then(() => undefined).catch((error: unknown) => (error as Error).cause));
  const odd = kit.kernel.spawn(Odd, "o");
  expect(await cause(odd.start())).toMatchObject({ details: { option: "schedule" } });
  const route = consistentHash(() => undefined as Anything);
  const pool = kit.kernel.spawn(defineRouter("pool", { routee: Plain, size: 2, route }), "p");
  expect(await cause(pool.hi())).toMatchObject({ details: { option: "route" } });
  await kit.stop();
});
