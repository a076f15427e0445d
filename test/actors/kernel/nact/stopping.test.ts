import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createKernel, defineActor } from "../../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../../src/actors/testing/index.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { gate, nact, type Ref, rounds } from "./plain-nact.ts";

let system: Ref;
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  system = nact.start();
});
afterEach(() => {
  nact.stop(system);
  vi.restoreAllMocks();
});

describe("fault 1: a stop reaches the children", () => {
  test("nact: they go on with their mailboxes and are never told", async () => {
    const seen: string[] = [];
    let child: Ref | undefined;
    const parent = nact.spawn(system, (_state, _message, context) => {
      child = nact.spawn(
        context.self,
        (_childState, message: string) => {
          seen.push(message);
          if (message !== "3") nact.dispatch(context.self, "");
        },
        "child",
        { afterStop: () => seen.push("child stopped") },
      );
      for (const message of ["1", "2", "3"]) nact.dispatch(child, message);
    });
    nact.dispatch(parent, "go");
    await rounds(2);
    nact.stop(parent);
    await rounds();
    expect(seen).toEqual(["1", "2", "3"]);
  });

  test("nact: stopping the system stops no actor", async () => {
    let handled = 0;
    const actor = nact.spawn(system, () => {
      handled++;
    });
    for (let i = 0; i < 5; i++) nact.dispatch(actor, i);
    nact.stop(system);
    await rounds();
    expect(handled).toBe(5);
  });

  test("ours: they end first, with their hooks, and their messages are told of", async () => {
    const log: string[] = [];
    const Child = defineActor("child", {
      initialState: (self) => {
        self.onStop(() => void log.push("child ended"));
        return {};
      },
    }).commands({ work: (_me, name: string) => void log.push(name) });
    const Parent = defineActor("parent", {
      initialState: (self) => {
        self.onStop(() => void log.push("parent ended"));
        return { child: self.spawn(Child, "c") };
      },
    }).commands({
      work: (me) => {
        for (const name of ["1", "2", "3"]) me.state.child.tell.work(name);
        me.stop();
      },
    });
    const kit = createTestKernel();
    const parent = kit.kernel.spawn(Parent, "p");
    await kit.settle();
    await kit.run(parent.work());
    await kit.settle();
    const handled = log.length - 2;
    expect(log.slice(handled)).toEqual(["child ended", "parent ended"]);
    expect(handled + kit.kernel.deadLetters.total).toBe(3);
    expect(kit.kernel.actors()).toEqual([]);
    await kit.stop();
  });
});

describe("fault 11: hooks at the end", () => {
  test("nact: afterStop runs before the handler in flight has ended, and twice", async () => {
    const log: string[] = [];
    const held = gate();
    const actor = nact.spawn(
      system,
      async () => {
        await held.promise;
        log.push("handler ended");
        throw new Error("after the stop");
      },
      "a",
      {
        afterStop: () => void log.push("afterStop"),
        onCrash: (_m, _e, context) => context["stop"],
      },
    );
    nact.dispatch(actor, "go");
    await rounds();
    nact.stop(actor);
    await rounds();
    expect(log).toEqual(["afterStop"]);
    const unhandled: unknown[] = [];
    const keep = (error: unknown): void => void unhandled.push(error);
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", keep);
    held.open();
    await rounds();
    process.removeListener("unhandledRejection", keep);
    for (const listener of others) process.on("unhandledRejection", listener);
    // Its own parent link is gone by then: afterStop again, or a rejection that nobody handles.
    expect(log.length + unhandled.length).toBeGreaterThan(2);
  });

  test("ours: hooks run once, after the handler, and what they throw is told", async () => {
    const log: string[] = [];
    const Held = defineActor("held", {
      initialState: (self) => {
        self.onStop(() => {
          log.push("hook");
          throw new Error("hook");
        });
        return {};
      },
    }).commands({
      work: async (me) => {
        await new Promise<void>((resolve) => me.clock.setTimer(10, resolve));
        log.push("handler ended");
        throw new Error("after the stop");
      },
    });
    const kit = createTestKernel();
    const held = kit.kernel.spawn(Held, "h");
    held.tell.work();
    await kit.settle();
    await kit.run(held.ref.stop());
    expect(log).toEqual(["handler ended", "hook"]);
    await kit.stop();
  });
});

describe("fault 16: references and incarnations", () => {
  test("nact: an old reference reaches a new actor of the same name", async () => {
    const seen: string[] = [];
    const handler = (name: string) => () => void seen.push(name);
    const old = nact.spawn(system, handler("old"), "same");
    nact.stop(old);
    nact.spawn(system, handler("new"), "same");
    nact.dispatch(old, "hello");
    await rounds();
    expect(seen).toEqual(["new"]);
  });

  test("nact: two systems of one name overwrite each other", async () => {
    const seen: string[] = [];
    const [one, two] = [nact.start({ name: "twin" }), nact.start({ name: "twin" })];
    expect(() => nact.spawn(one, () => seen.push("one"), "a")).not.toThrow();
    expect(() => nact.spawn(two, () => seen.push("two"), "a")).toThrow(/already exists/);
    nact.stop(two);
  });

  test("ours: an old reference finds nobody, and that is told", async () => {
    const Named = defineActor("named", { initialState: () => ({}) }).commands({ hi: () => "hi" });
    const kernel = createKernel({ name: "twin" });
    const twin = createKernel({ name: "twin" });
    const old = kernel.spawn(Named, "same");
    await old.ref.stop();
    const young = kernel.spawn(Named, "same");
    old.tell.hi();
    await expect(old.hi()).rejects.toMatchObject({ code: "TROUPE_ACTOR_STOPPED" });
    expect(kernel.deadLetters.counts()).toEqual({ stopped: 1 });
    expect(await young.hi()).toBe("hi");
    expect(await twin.spawn(Named, "same").hi()).toBe("hi");
    await Promise.all([kernel.stop(), twin.stop()]);
  });
});

describe("fault 17: idle time", () => {
  test("nact: a long shutdownAfter stops the actor at once, and what comes later vanishes", async () => {
    let handled = 0;
    const days30 = 30 * 86_400_000;
    let isStopped = false;
    const actor = nact.spawn(system, () => handled++, "sleepy", {
      shutdownAfter: days30,
      afterStop: () => {
        isStopped = true;
      },
    });
    // 30 days do not fit into a timer, so they are 1 ms.
    await waitUntil("nact has stopped it", () => isStopped);
    nact.dispatch(actor, "hello");
    await rounds();
    expect(handled).toBe(0);
  });

  test("ours: it lasts as long as it says", async () => {
    const seen: string[] = [];
    const Sleepy = defineActor("sleepy", {
      initialState: () => ({}),
    }).commands({
      start: (me) =>
        me.onIdle(30 * 86_400_000, (self) => {
          seen.push("idle");
          self.stop();
        }),
    });
    const kit = createTestKernel();
    kit.kernel.spawn(Sleepy, "s").tell.start();
    await kit.advance(30 * 86_400_000 - 1);
    expect(seen).toEqual([]);
    await kit.advance(1);
    expect(seen).toEqual(["idle"]);
    expect(kit.kernel.actors()).toEqual([]);
    await kit.stop();
  });
});

describe("fault 18: the end of the system", () => {
  test("nact: a stop says nothing and waits for nothing", () => {
    expect(nact.stop(system)).toBeUndefined();
  });

  test("ours: it resolves when everything has ended", async () => {
    let ended = false;
    const Slow = defineActor("slow", {
      initialState: (self) => {
        self.onStop(async () => {
          await new Promise<void>((resolve) => self.clock.setTimer(30, resolve));
          ended = true;
        });
        return {};
      },
    }).commands({});
    const kit = createTestKernel();
    kit.kernel.spawn(Slow, "s");
    await kit.settle();
    await kit.stop();
    expect(ended).toBe(true);
  });
});
