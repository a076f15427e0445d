import { describe, expect, test } from "vitest";
import {
  type ActorContext,
  createKernel,
  defineActor,
  defineBehaviour,
  isTroupeError,
} from "../../../src/actors/kernel/index.ts";
import { createProbe, createTestKernel } from "../../../src/actors/testing/index.ts";

const Plain = defineActor("plain", { initialState: () => ({}) }).commands({
  hello: () => "hello",
  fail: (): void => {
    throw new Error("bang");
  },
});

describe("watching", () => {
  test("tells of a stop, of a failure, and of an end that was before", async () => {
    const Doomed = defineActor("doomed", {
      initialState: () => ({}),
      supervision: { otherwise: { action: "stop" } },
    }).commands({
      fail: (): void => {
        throw new Error("bang");
      },
    });
    const kit = createTestKernel();
    const probe = createProbe(kit.kernel);
    const stopped = kit.kernel.spawn(Plain, "stopped");
    const failed = kit.kernel.spawn(Doomed, "failed");
    const seen = Promise.all([probe.terminated(stopped), probe.terminated(failed)]);
    void stopped.ref.stop();
    failed.tell.fail();
    const [stop, failure] = await kit.run(seen);
    expect(stop.failure).toBeUndefined();
    expect(failure.failure).toMatchObject({ message: "bang" });
    expect(failure.ref.path).toBe("/failed");
    const late = await kit.run(probe.terminated(failed));
    expect(late.failure).toMatchObject({ message: "bang" });
    await kit.stop();
  });

  test("ends with unwatch, and with the life that watched", async () => {
    const seen: string[] = [];
    const Watcher = defineActor("watcher", { initialState: () => ({ lives: 0 }) }).commands({
      watch: (me, target: ReturnType<typeof kit.kernel.spawn<typeof plain, unknown>>) => {
        me.watch(target, () => seen.push("told"));
      },
      unwatch: (me, target: typeof plain) => me.unwatch(target),
      fail: (): void => {
        throw new Error("restart");
      },
    });
    const kit = createTestKernel();
    const plain = kit.kernel.spawn(Plain, "p");
    const other = kit.kernel.spawn(Plain, "q");
    const watcher = kit.kernel.spawn(Watcher, "w");
    await kit.run(watcher.watch(plain));
    await kit.run(watcher.unwatch(plain));
    await kit.run(watcher.watch(other));
    watcher.tell.fail();
    await kit.settle();
    await kit.run(Promise.all([plain.ref.stop(), other.ref.stop()]));
    await kit.settle();
    expect(seen).toEqual([]);
    await kit.stop();
  });
});

describe("stashing", () => {
  const Gate = defineActor("gate", { initialState: () => ({ open: false, seen: "" }) }).commands({
    pass: (gate, name: string) => {
      if (!gate.state.open) return gate.stash();
      gate.state.seen += name;
      return gate.state.seen;
    },
    open: (gate) => {
      gate.state.open = true;
      gate.unstashAll();
    },
    fail: (): void => {
      throw new Error("restart");
    },
  });

  test("keeps asks open and their order, before what came later", async () => {
    const kit = createTestKernel();
    const gate = kit.kernel.spawn(Gate, "g");
    const all = Promise.all([gate.pass("a"), gate.pass("b"), gate.open(), gate.pass("c")]);
    expect(await kit.run(all)).toEqual(["a", "ab", undefined, "abc"]);
    await kit.stop();
  });

  test("is bounded: one too many fails that message alone", async () => {
    const kit = createTestKernel({ limits: { stashMessagesMax: 2 } });
    const Resuming = defineActor("gate", {
      initialState: () => ({ open: false }),
      supervision: { otherwise: { action: "resume" } },
    }).commands({
      pass: (gate) => (gate.state.open ? "through" : gate.stash()),
      open: (gate) => {
        gate.state.open = true;
        gate.unstashAll();
      },
    });
    const gate = kit.kernel.spawn(Resuming, "g");
    const fate = (promise: Promise<unknown>) =>
      promise.catch((e: unknown) => isTroupeError(e) && isTroupeError(e.cause) && e.cause.code);
    const all = [fate(gate.pass()), fate(gate.pass()), fate(gate.pass()), gate.open()];
    expect(await kit.run(Promise.all(all))).toEqual([
      "through",
      "through",
      "TROUPE_STASH_FULL",
      undefined,
    ]);
    await kit.stop();
  });

  test("a restart gives the stashed messages back", async () => {
    const kit = createTestKernel();
    const gate = kit.kernel.spawn(Gate, "g");
    const passed = gate.pass("a");
    gate.tell.fail();
    const opened = gate.open();
    expect(await kit.run(Promise.all([passed, opened]))).toEqual(["a", undefined]);
    await kit.stop();
  });

  test("outside of a turn it is refused", async () => {
    let kept: ActorContext<object> | undefined;
    const Keeper = defineActor("keeper", { initialState: () => ({}) }).commands({
      keep: (me) => {
        kept = me;
      },
    });
    const kit = createTestKernel();
    const keeper = kit.kernel.spawn(Keeper, "k");
    await kit.run(keeper.keep());
    expect(() => kept?.stash()).toThrow(expect.objectContaining({ code: "TROUPE_TURN_ENDED" }));
    await kit.stop();
  });
});

describe("timers", () => {
  const Ticking = defineActor("ticking", { initialState: () => ({ ticks: 0 }) }).commands({
    start: (me, everyMs: number) =>
      me.timers.start("tick", { everyMs }, (self) => {
        self.state.ticks++;
      }),
    once: (me, afterMs: number) =>
      me.timers.start("tick", { afterMs }, (self) => {
        self.state.ticks += 100;
      }),
    cancel: (me) => me.timers.cancel("tick"),
    isActive: (me) => me.timers.isActive("tick"),
    ticks: (me) => me.state.ticks,
    hold: async (me, ms: number) => {
      await new Promise<void>((resolve) => me.clock.setTimer(ms, resolve));
    },
    fail: (): void => {
      throw new Error("restart");
    },
  });

  test("tick as turns, are replaced by name, and are cancelled", async () => {
    const kit = createTestKernel();
    const ticking = kit.kernel.spawn(Ticking, "t");
    await kit.run(ticking.start(10));
    await kit.advance(55);
    expect(await kit.run(ticking.ticks())).toBe(5);
    await kit.run(ticking.once(10));
    expect(await kit.run(ticking.isActive())).toBe(true);
    await kit.advance(100);
    expect(await kit.run(ticking.ticks())).toBe(105);
    expect(await kit.run(ticking.isActive())).toBe(false);
    await kit.run(ticking.start(10));
    await kit.run(ticking.cancel());
    await kit.advance(100);
    expect(await kit.run(ticking.ticks())).toBe(105);
    await kit.stop();
    expect(kit.clock.timers).toBe(0);
  });

  test("do not pile up behind a handler, and one cancelled in the mailbox is not run", async () => {
    const kit = createTestKernel();
    const ticking = kit.kernel.spawn(Ticking, "t");
    await kit.run(ticking.start(10));
    const held = ticking.hold(95);
    await kit.advance(94);
    expect(kit.kernel.actors()[0]?.mailboxMessages).toBe(1);
    await kit.run(held);
    await kit.settle();
    expect(await kit.run(ticking.ticks())).toBe(1);
    const again = ticking.hold(50);
    const cancelled = ticking.cancel();
    await kit.run(Promise.all([again, cancelled]));
    expect(await kit.run(ticking.ticks())).toBeLessThanOrEqual(2);
    await kit.stop();
  });

  test("end with their life", async () => {
    const kit = createTestKernel();
    const ticking = kit.kernel.spawn(Ticking, "t");
    await kit.run(ticking.start(10));
    ticking.tell.fail();
    await kit.advance(100);
    expect(await kit.run(ticking.ticks())).toBe(0);
    await kit.stop();
  });

  test("an impossible delay, and one timer too many, are refused", async () => {
    const kit = createTestKernel({ limits: { timersPerActorMax: 2 } });
    const codes: string[] = [];
    const Odd = defineActor("odd", { initialState: () => ({}) }).commands({
      go: (me) => {
        for (const delayMs of [Number.NaN, -1, Infinity, 0, 0.5]) {
          try {
            me.timers.start("t", { everyMs: delayMs }, () => {});
          } catch (error) {
            codes.push(isTroupeError(error) ? error.code : "?");
          }
        }
        me.timers.start("a", { afterMs: 0 }, () => {});
        me.timers.start("b", { afterMs: 1 }, () => {});
        me.timers.start("c", { afterMs: 1 }, () => {});
      },
    });
    const error: unknown = await kit.run(
      kit.kernel
        .spawn(Odd, "o")
        .go()
        .catch((e: unknown) => e),
    );
    expect(codes).toEqual(Array.from({ length: 5 }, () => "TROUPE_OPTION_INVALID"));
    expect(isTroupeError(error) && error.cause).toMatchObject({ code: "TROUPE_TIMERS_FULL" });
    await kit.stop();
  });

  test("a behaviour's timers and idle time come as messages", async () => {
    const seen: string[] = [];
    const Sleepy = defineBehaviour<string>("sleepy", (me) => {
      me.timers.start("tick", { afterMs: 10 }, "tick");
      me.onIdle(50, "idle");
      return (message) => {
        seen.push(`${message}@${me.clock.monotonicMs()}`);
        if (seen.length === 4) me.onIdle(undefined);
      };
    });
    const kit = createTestKernel();
    const sleepy = kit.kernel.spawn(Sleepy, "s");
    await kit.advance(30);
    sleepy.tell("hello");
    await kit.advance(300);
    expect(seen).toEqual(["tick@10", "hello@30", "idle@80", "idle@130"]);
    await kit.stop();
    expect(kit.clock.timers).toBe(0);
  });
});

test("the tree is shown parents first, also of a parent with more children than a call takes arguments", async () => {
  const children = 150_000;
  const kernel = createKernel({ name: "crowd" });
  const Child = defineBehaviour<never>("child", () => () => {});
  const Parent = defineActor("parent", {
    initialState: (self) => {
      for (let i = 0; i < children; i++) self.spawn(Child, String(i));
      return {};
    },
  }).commands({ ready: () => true });
  await kernel.spawn(Parent, "p").ready();
  const actors = kernel.actors();
  expect(actors).toHaveLength(children + 1);
  expect(actors.slice(0, 3).map(({ path }) => path)).toEqual(["/p", "/p/0", "/p/1"]);
  await kernel.stop();
});
