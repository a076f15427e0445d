import { describe, expect, test } from "vitest";
import {
  createKernel,
  defineActor,
  isTroupeError,
  type Overflow,
} from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const codeOf = (error: unknown): string => (isTroupeError(error) ? error.code : String(error));
const fate = (promise: Promise<unknown>): Promise<unknown> => promise.catch(codeOf);

const Slow = defineActor("slow", { initialState: () => ({ done: [] as string[] }) }).commands({
  work: async (me, name: string, ms: number) => {
    await new Promise<void>((resolve) => me.clock.setTimer(ms, resolve));
    me.state.done.push(name);
    return name;
  },
  done: (me) => me.state.done,
});

describe("asking", () => {
  test("times out with an unknown outcome; the command may still run, its reply is a dead letter", async () => {
    const kit = createTestKernel();
    const slow = kit.kernel.spawn(Slow, "s");
    const error: unknown = await kit.run(
      slow
        .with({ timeoutMs: 10 })
        .work("a", 30)
        .catch((e: unknown) => e),
    );
    expect(error).toMatchObject({
      code: "TROUPE_ASK_TIMEOUT",
      outcome: "unknown",
      retryable: false,
      details: { actor: "/s", command: "work", timeoutMs: 10 },
    });
    expect(await kit.run(slow.done())).toEqual(["a"]);
    expect(kit.kernel.deadLetters.counts()).toEqual({ "late-reply": 1 });
    await kit.stop();
  });

  test("the default timeout is the limit", async () => {
    const kit = createTestKernel({ limits: { askTimeoutMs: 20 } });
    const slow = kit.kernel.spawn(Slow, "s");
    expect(await kit.run(fate(slow.work("a", 30)))).toBe("TROUPE_ASK_TIMEOUT");
    expect(kit.clock.monotonicMs()).toBe(20);
    await kit.stop();
  });

  test("an ask that timed out in the mailbox is not begun any more", async () => {
    const kit = createTestKernel();
    const slow = kit.kernel.spawn(Slow, "s");
    const first = slow.work("a", 50);
    const second = fate(slow.with({ timeoutMs: 10 }).work("b", 1));
    expect(await kit.run(Promise.all([first, second]))).toEqual(["a", "TROUPE_ASK_TIMEOUT"]);
    expect(await kit.run(slow.done())).toEqual(["a"]);
    expect(kit.kernel.deadLetters.counts()).toEqual({ expired: 1 });
    await kit.stop();
  });

  test("timeouts of many lengths fire each at its time", async () => {
    const kit = createTestKernel();
    const slow = kit.kernel.spawn(Slow, "s");
    const ends: [number, number][] = [];
    const asks = Array.from({ length: 200 }, (_, i) => {
      const timeoutMs = 1 + ((i * 37) % 90);
      return slow
        .with({ timeoutMs })
        .work("x", 1_000)
        .catch(() => ends.push([timeoutMs, kit.clock.monotonicMs()]));
    });
    await kit.run(Promise.all(asks));
    expect(ends).toHaveLength(200);
    for (const [timeoutMs, atMs] of ends) expect(atMs).toBe(timeoutMs);
    await kit.stop();
  });

  test("200,000 asks at once are all answered, each with its own reply", async () => {
    const Echo = defineActor("echo", {
      initialState: () => ({}),
      mailbox: { messagesMax: 200_000 },
    }).commands({ echo: (_me, n: number) => n });
    const kernel = createKernel({ name: "many" });
    const echo = kernel.spawn(Echo, "e").with({ timeoutMs: 60_000 });
    const replies = await Promise.all(Array.from({ length: 200_000 }, (_, i) => echo.echo(i)));
    expect(replies.every((reply, i) => reply === i)).toBe(true);
    await kernel.stop();
  });

  test("the caller's signal ends the wait", async () => {
    const kit = createTestKernel();
    const slow = kit.kernel.spawn(Slow, "s");
    const controller = new AbortController();
    const waiting = slow.with({ signal: controller.signal }).work("a", 50);
    const aborted = waiting.catch((e: unknown) => e);
    await kit.settle();
    controller.abort(new Error("enough"));
    expect(await kit.run(aborted)).toMatchObject({
      code: "TROUPE_CALL_ABORTED",
      outcome: "unknown",
      cause: { message: "enough" },
    });
    const early = slow.with({ signal: AbortSignal.abort() }).work("b", 1);
    expect(await kit.run(fate(early))).toBe("TROUPE_CALL_ABORTED");
    expect(await kit.run(slow.done())).toEqual(["a"]);
    await kit.stop();
  });

  test.each([0, -1, Number.NaN, Infinity])("a timeout of %s is refused", async (timeoutMs) => {
    const kit = createTestKernel();
    const slow = kit.kernel.spawn(Slow, "s");
    expect(await fate(slow.with({ timeoutMs }).work("a", 1))).toBe("TROUPE_OPTION_INVALID");
    await kit.stop();
  });

  test("a timeout longer than Node's timers lasts as long as it says", async () => {
    const kernel = createKernel({ name: "long" });
    const slow = kernel.spawn(Slow, "s");
    const days60 = 60 * 86_400_000;
    expect(await slow.with({ timeoutMs: days60 }).work("a", 5)).toBe("a");
    await kernel.stop();
  });

  test("asking a dead actor fails at once", async () => {
    const kit = createTestKernel();
    const slow = kit.kernel.spawn(Slow, "s");
    await kit.run(slow.ref.stop());
    const error: unknown = await slow.work("a", 1).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "TROUPE_ACTOR_STOPPED", retryable: true });
    await kit.stop();
    expect(await fate(slow.work("a", 1))).toBe("TROUPE_ACTOR_STOPPED");
  });

  test("an Error that a handler returns is a reply like any other", async () => {
    const Odd = defineActor("odd", { initialState: () => ({}) }).commands({
      give: () => new Error("a value"),
    });
    const kit = createTestKernel();
    const odd = kit.kernel.spawn(Odd, "o");
    expect(await kit.run(odd.give())).toMatchObject({ message: "a value" });
    await kit.stop();
  });
});

describe("a full mailbox", () => {
  function gate(overflow: Overflow) {
    return defineActor("gate", {
      initialState: () => ({ seen: [] as number[] }),
      mailbox: { messagesMax: 3, overflow },
    }).commands({
      hold: async (me) => {
        await new Promise<void>((resolve) => me.clock.setTimer(10, resolve));
      },
      put: (me, n: number) => {
        me.state.seen.push(n);
        return n;
      },
      seen: (me) => me.state.seen,
    });
  }

  test("refuses by default: asks fail, tells become dead letters", async () => {
    const kit = createTestKernel();
    const full = kit.kernel.spawn(gate("reject"), "g");
    const held = full.hold();
    await kit.settle();
    const asks = [1, 2, 3, 4, 5].map((n) => fate(full.put(n)));
    full.tell.put(6);
    const full5 = "TROUPE_MAILBOX_FULL";
    expect(await kit.run(Promise.all([held, ...asks]))).toEqual([undefined, 1, 2, 3, full5, full5]);
    expect(kit.kernel.deadLetters.counts()).toEqual({ "mailbox-full": 1 });
    await kit.stop();
  });

  test("may drop the oldest", async () => {
    const kit = createTestKernel();
    const full = kit.kernel.spawn(gate("drop-oldest"), "g");
    full.tell.hold();
    await kit.settle();
    for (const n of [1, 2, 3, 4, 5]) full.tell.put(n);
    await kit.advance(10);
    expect(await kit.run(full.seen())).toEqual([3, 4, 5]);
    expect(kit.kernel.deadLetters.samples().map((letter) => letter.message)).toEqual([[1], [2]]);
    await kit.stop();
  });

  test("may let asks wait outside, in their order, within bounds", async () => {
    const kit = createTestKernel({ limits: { waitingAsksMax: 4 } });
    const full = kit.kernel.spawn(gate("backpressure"), "g");
    full.tell.hold();
    await kit.settle();
    const asks = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => fate(full.put(n)));
    full.tell.put(9);
    const replies = await kit.run(Promise.all(asks));
    expect(replies).toEqual([1, 2, 3, 4, 5, 6, 7, "TROUPE_MAILBOX_FULL"]);
    expect(await kit.run(full.seen())).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(kit.kernel.deadLetters.counts()).toEqual({ "mailbox-full": 1 });
    await kit.stop();
  });

  test("can be set at spawn", async () => {
    const kit = createTestKernel();
    const one = kit.kernel.spawn(gate("reject"), "g", { mailbox: { messagesMax: 1 } });
    one.tell.hold();
    await kit.settle();
    const asks = Promise.all([fate(one.put(1)), fate(one.put(2))]);
    expect(await kit.run(asks)).toEqual([1, "TROUPE_MAILBOX_FULL"]);
    await kit.stop();
  });
});

describe("dead letters", () => {
  test("are counted for all and kept for the newest", async () => {
    const kit = createTestKernel({ limits: { deadLetterSamplesMax: 10 } });
    const slow = kit.kernel.spawn(Slow, "s");
    await kit.run(slow.ref.stop());
    for (let i = 0; i < 1_000; i++) slow.tell.work(String(i), 0);
    expect(kit.kernel.deadLetters.total).toBe(1_000);
    const samples = kit.kernel.deadLetters.samples();
    expect(samples.length).toBeLessThanOrEqual(10);
    expect(samples.at(-1)?.message).toEqual(["999", 0]);
    await kit.stop();
  });
});
