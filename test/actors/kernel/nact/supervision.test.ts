import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createKernel, defineActor, isTroupeError } from "../../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../../src/actors/testing/index.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { ArrayEngine, gate, nact, type Ref, rounds } from "./plain-nact.ts";

let system: Ref;
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  system = nact.start();
});
afterEach(() => {
  nact.stop(system);
  vi.restoreAllMocks();
});

/** Unhandled rejections while `run` is under way; vitest's own watch is set aside meanwhile. */
async function rejectionsDuring(run: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const keep = (error: unknown): void => void seen.push(error);
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", keep);
  await run();
  process.removeListener("unhandledRejection", keep);
  for (const listener of others) process.on("unhandledRejection", listener);
  return seen;
}

describe("fault 2: one handler at a time", () => {
  test("nact: resetAll of a sibling starts a second handler beside the first", async () => {
    let running = 0;
    let most = 0;
    const held = gate();
    const parent = nact.spawn(system, (_state, _message, context) => {
      const work = nact.spawn(context.self, async () => {
        most = Math.max(most, ++running);
        await held.promise;
        running--;
      });
      nact.dispatch(work, 1);
      nact.dispatch(work, 2);
      const crash = nact.spawn(
        context.self,
        () => {
          throw new Error("bang");
        },
        "crash",
        { onCrash: (_m, _e, supervision) => supervision["resetAll"] },
      );
      nact.dispatch(crash, 1);
    });
    nact.dispatch(parent, "go");
    await rounds();
    held.open();
    expect(most).toBe(2);
  });

  test("ours: a restart waits for the handler, or revokes it", async () => {
    let running = 0;
    let most = 0;
    const Worker = defineActor("worker", { initialState: () => ({}) }).commands({
      work: async (me) => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => me.clock.setTimer(20, resolve));
        running--;
      },
    });
    const Crash = defineActor("crash", {
      initialState: () => ({}),
      supervision: { otherwise: { action: "escalate" } },
    }).commands({
      fail: (): void => {
        throw new Error("bang");
      },
    });
    const Parent = defineActor("parent", {
      initialState: (self) => {
        const worker = self.spawn(Worker, "w");
        worker.tell.work();
        worker.tell.work();
        if (!failed) self.spawn(Crash, "c").tell.fail();
        failed = true;
        return {};
      },
    }).commands({});
    let failed = false;
    const kit = createTestKernel();
    kit.kernel.spawn(Parent, "p");
    await kit.advance(500);
    expect(most).toBe(1);
    expect(kit.kernel.actors()[0]?.restarts).toBe(1);
    await kit.stop();
  });
});

describe("fault 3: a parent that resumes what its child escalated", () => {
  /** What a child handles after it has failed. */
  async function handledAfter(onCrash: "escalate" | "resume"): Promise<string[]> {
    const seen: string[] = [];
    const parent = nact.spawn(
      system,
      (_state, _message, context) => {
        const child = nact.spawn(
          context.self,
          (_childState, message: string) => {
            if (message === "fail") throw new Error("bang");
            seen.push(message);
          },
          "child",
          { onCrash: (_m, _e, supervision) => supervision[onCrash] },
        );
        nact.dispatch(child, "fail");
        nact.dispatch(child, "after");
      },
      "parent",
      { onCrash: (_m, _e, supervision) => supervision["resume"] },
    );
    nact.dispatch(parent, "go");
    await rounds();
    nact.stop(parent);
    return seen;
  }

  test("nact: the child is frozen for ever", async () => {
    expect(await handledAfter("escalate")).toEqual([]);
  });

  test("nact: it goes on when it resumes by itself", async () => {
    expect(await handledAfter("resume")).toEqual(["after"]);
  });

  test("ours: the child goes on", async () => {
    const Child = defineActor("child", {
      initialState: () => ({}),
      supervision: { otherwise: { action: "escalate" } },
    }).commands({
      fail: (): void => {
        throw new Error("bang");
      },
      after: () => "after",
    });
    const Parent = defineActor("parent", {
      initialState: (self) => self.spawn(Child, "c"),
      supervision: { otherwise: { action: "resume" } },
    }).commands({ child: (me) => me.state });
    const kernel = createKernel({ name: "ours" });
    const child = await kernel.spawn(Parent, "p").child();
    child.tell.fail();
    expect(await child.after()).toBe("after");
    await kernel.stop();
  });
});

describe("fault 4: a failed start that is escalated", () => {
  test("nact: the actor stays in the tree as a zombie", async () => {
    const engine = new ArrayEngine();
    engine.stored.push({ key: "k", sequenceNumber: 1, data: "bad" });
    const storing = nact.start(nact.configurePersistence(engine));
    const handler = (): never => {
      throw new Error("cannot replay");
    };
    nact.spawnPersistent(storing, handler, "k", "zombie", {
      onCrash: (_m, _e, supervision) => supervision["escalate"],
    });
    await rounds();
    // Still there: its name is taken.
    expect(() => nact.spawnPersistent(storing, handler, "k", "zombie")).toThrow(/already exists/);
    nact.stop(storing);
  });

  test("ours: it is stopped, its name is free, its callers are told", async () => {
    const Bad = defineActor("bad", {
      initialState: (): object => {
        throw new Error("cannot start");
      },
      supervision: { otherwise: { action: "escalate" } },
    }).commands({ hi: () => "hi" });
    const kernel = createKernel({ name: "ours" });
    const error: unknown = await kernel
      .spawn(Bad, "zombie")
      .hi()
      .catch((thrown: unknown) => thrown);
    expect(isTroupeError(error, "TROUPE_ACTOR_STOPPED")).toBe(true);
    expect(kernel.actors()).toEqual([]);
    expect(() => kernel.spawn(Bad, "zombie")).not.toThrow();
    await kernel.stop();
  });
});

describe("fault 5: an initial state that cannot be made", () => {
  test("nact: reset spins, and no timer of the process fires", async () => {
    let resets = 0;
    const spinsMax = 5_000;
    nact.spawn(system, () => {}, "spin", {
      initialStateFunc: () => {
        resets++;
        if (resets < spinsMax) throw new Error("not yet");
      },
      onCrash: (_m, _e, supervision) => supervision["reset"],
    });
    let atTimer = -1;
    await new Promise<void>((resolve) =>
      setTimeout(() => {
        atTimer = resets;
        resolve();
      }, 0),
    );
    expect(atTimer).toBe(spinsMax);
  });

  test("ours: it is tried as often as the limit says, and timers fire meanwhile", async () => {
    let starts = 0;
    const Bad = defineActor("bad", {
      initialState: (): object => {
        starts++;
        throw new Error("never");
      },
      supervision: { otherwise: { action: "restart", restartsMax: 5 } },
    }).commands({});
    const kernel = createKernel({ name: "ours" });
    const { path } = kernel.spawn(Bad, "b").ref;
    // Polling needs timers: that it ends is the proof that they fire meanwhile.
    await waitUntil("it is given up", () => !kernel.actors().some((actor) => actor.path === path));
    expect(starts).toBe(6);
    await kernel.stop();
  });
});

describe("fault 11: errors of the supervision itself", () => {
  test("nact: a throw in onCrash is an unhandled rejection, which ends the process", async () => {
    const rejections = await rejectionsDuring(async () => {
      const actor = nact.spawn(
        system,
        () => {
          throw new Error("bang");
        },
        "a",
        {
          onCrash: () => {
            throw new Error("in onCrash");
          },
        },
      );
      nact.dispatch(actor, "go");
      await rounds();
    });
    expect(rejections).toMatchObject([{ message: "in onCrash" }]);
  });

  test("ours: policies are data; failures before, during and after the end reject nothing unheard", async () => {
    const Bad = defineActor("bad", {
      initialState: (self) => {
        self.onStop(() => Promise.reject(new Error("hook")));
        return {};
      },
      supervision: { otherwise: { action: "escalate" } },
    }).commands({
      fail: async () => {
        await Promise.resolve();
        throw new Error("bang");
      },
    });
    const rejections = await rejectionsDuring(async () => {
      const kernel = createKernel({ name: "ours" });
      const bad = kernel.spawn(Bad, "b");
      bad.tell.fail();
      void bad.ref.stop();
      await kernel.stop();
      await rounds();
    });
    expect(rejections).toEqual([]);
  });
});

describe("fault 12: errors of stateless actors", () => {
  test("nact: they vanish without a word", async () => {
    const said: unknown[] = [];
    vi.spyOn(console, "log").mockImplementation((line) => void said.push(line));
    const crashes: unknown[] = [];
    const actor = nact.spawnStateless(
      system,
      () => {
        throw new Error("bang");
      },
      "stateless",
      { onCrash: (_m, error) => crashes.push(error) },
    );
    nact.dispatch(actor, "go");
    await rounds();
    expect([said, crashes]).toEqual([[], []]);
  });

  test("ours: every failure is seen by log, observer and inspection", async () => {
    const seen: unknown[] = [];
    const lines: string[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      warn: (message: string) => void lines.push(message),
      error: () => {},
      child: () => logger,
    };
    const kit = createTestKernel({
      logger,
      observer: { actorFailed: (actor, error) => void seen.push([actor.path, String(error)]) },
    });
    const Bad = defineActor("bad", { initialState: () => ({}) }).commands({
      fail: (): void => {
        throw new Error("bang");
      },
    });
    kit.kernel.spawn(Bad, "b").tell.fail();
    await kit.settle();
    expect(seen).toEqual([["/b", "Error: bang"]]);
    expect(lines).toEqual(["actor failed"]);
    expect(kit.kernel.actors()[0]?.lastFailure).toBe("bang");
    await kit.stop();
  });
});
