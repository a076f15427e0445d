import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failures } from "../../../src/actors/kernel/failures.ts";
import {
  consoleLogger,
  defineActor,
  isTroupeError,
  limits,
  type Supervision,
  seededRandom,
  TroupeError,
} from "../../../src/actors/kernel/index.ts";
import { decide } from "../../../src/actors/kernel/supervision.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const given = { random: seededRandom(1), limits };
const none = { restartsAtMs: [], streak: 0 };
const failure = (error: unknown, nowMs = 0, duringStart = false) => ({ error, nowMs, duringStart });

describe("the decision", () => {
  test("follows the first rule that fits the error's class or code", () => {
    const policy: Supervision = {
      rules: [
        { on: TypeError, action: "resume" },
        { on: "TROUPE_STASH_FULL", action: "escalate" },
        { on: Error, action: "stop" },
      ],
      otherwise: { action: "restart" },
    };
    const action = (error: unknown) => decide(policy, none, failure(error), given).action;
    expect(action(new TypeError("t"))).toBe("resume");
    const full = new TroupeError("TROUPE_STASH_FULL", { actor: "/a", messagesMax: 1 });
    expect(action(full)).toBe("escalate");
    expect(action(new RangeError("r"))).toBe("stop");
    expect(action("a thrown string")).toBe("restart");
  });

  test("is a restart by default, within the limits", () => {
    let history = none as { restartsAtMs: readonly number[]; streak: number };
    let restarts = 0;
    for (let nowMs = 0; nowMs < 100; nowMs++) {
      const decision = decide(undefined, history, failure("x", nowMs), given);
      if (decision.action !== "restart") break;
      history = decision.history;
      restarts++;
    }
    expect(restarts).toBe(limits.restartsMax);
  });

  test("never allows more restarts than the limit in any window", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 1_000 }),
        (gapsMs, restartsMax, withinMs) => {
          const policy: Supervision = { otherwise: { action: "restart", restartsMax, withinMs } };
          let history: { restartsAtMs: readonly number[]; streak: number } = none;
          const restartsAtMs: number[] = [];
          let nowMs = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            const decision = decide(policy, history, failure("x", nowMs), given);
            if (decision.action !== "restart") {
              const counting = restartsAtMs.filter((atMs) => nowMs - atMs < withinMs);
              expect(counting.length).toBe(restartsMax);
              return;
            }
            history = decision.history;
            restartsAtMs.push(nowMs);
            const inWindow = restartsAtMs.filter((atMs) => nowMs - atMs < withinMs);
            expect(inWindow.length).toBeLessThanOrEqual(restartsMax);
          }
        },
      ),
    );
  });

  test("backs off up to the maximum, with jitter, and starts over after quiet", () => {
    const policy: Supervision = {
      otherwise: {
        action: "restart",
        restartsMax: Infinity,
        backoff: { minMs: 100, maxMs: 1_000, jitter: 0.5 },
      },
    };
    let history: { restartsAtMs: readonly number[]; streak: number } = none;
    const delayAt = (nowMs: number): number => {
      const decision = decide(policy, history, failure("x", nowMs), given);
      if (decision.action !== "restart") throw new Error("expected a restart");
      history = decision.history;
      return decision.delayMs;
    };
    for (const [nowMs, baseMs] of [
      [0, 100],
      [200, 200],
      [500, 400],
      [900, 800],
      [1_400, 1_000],
      [1_900, 1_000],
    ] as const) {
      const delayMs = delayAt(nowMs);
      expect(delayMs).toBeGreaterThanOrEqual(baseMs);
      expect(delayMs).toBeLessThanOrEqual(baseMs * 1.5);
    }
    expect(delayAt(1_900 + 551)).toBeLessThanOrEqual(150);
    // An endless history does not grow.
    expect(history.restartsAtMs.length).toBeLessThan(3);
  });

  test("a start that always fails does not spin without delay or limit", () => {
    const policy: Supervision = { otherwise: { action: "restart", restartsMax: Infinity } };
    expect(decide(policy, none, failure("x", 0, true), given).action).toBe("stop");
    const resume: Supervision = { otherwise: { action: "resume" } };
    expect(decide(resume, none, failure("x", 0, true), given).action).toBe("stop");
  });
});

function failing(supervision: Supervision, log: string[] = []) {
  return defineActor("failing", {
    initialState: (self) => {
      log.push(`start ${self.id}`);
      self.onStop(() => void log.push(`end ${self.id}`));
      return { n: 0 };
    },
    supervision,
  }).commands({
    add: (me) => ++me.state.n,
    fail: (_me, error: Error): void => {
      throw error;
    },
    failLater: async (me, ms: number): Promise<void> => {
      await new Promise<void>((resolve) => me.clock.setTimer(ms, resolve));
      throw new Error("later");
    },
  });
}

const codeOf = (error: unknown): string => (isTroupeError(error) ? error.code : String(error));
const fate = (promise: Promise<unknown>): Promise<unknown> => promise.catch(codeOf);

describe("supervision", () => {
  test("resume keeps the state, restart makes a new one; the mailbox survives both", async () => {
    const kit = createTestKernel();
    const rules = [{ on: TypeError, action: "resume" as const }];
    const actor = kit.kernel.spawn(failing({ rules }), "a");
    const all = [
      actor.add(),
      fate(actor.fail(new TypeError("t"))),
      actor.add(),
      fate(actor.fail(new Error("e"))),
      actor.add(),
      fate(actor.failLater(5)),
      actor.add(),
    ];
    const failed = "TROUPE_COMMAND_FAILED";
    expect(await kit.run(Promise.all(all))).toEqual([1, failed, 2, failed, 1, failed, 1]);
    expect(kit.kernel.actors()[0]).toMatchObject({ restarts: 2, lastFailure: "later" });
    await kit.stop();
  });

  test("more restarts than allowed stop the actor", async () => {
    const kit = createTestKernel();
    const otherwise = { action: "restart" as const, restartsMax: 2, withinMs: 1_000 };
    const actor = kit.kernel.spawn(failing({ otherwise }), "a");
    for (let i = 0; i < 3; i++) actor.tell.fail(new Error("e"));
    await kit.settle();
    expect(await fate(actor.add())).toBe("TROUPE_ACTOR_STOPPED");
    await kit.stop();
  });

  test("a restart waits for the children's end and for the backoff", async () => {
    const log: string[] = [];
    const Child = defineActor("child", {
      initialState: (self) => {
        self.onStop(async () => {
          await new Promise<void>((resolve) => self.clock.setTimer(20, resolve));
          log.push(`child ended @${self.clock.monotonicMs()}`);
        });
        return {};
      },
    }).commands({});
    const Parent = defineActor("parent", {
      initialState: (self) => {
        log.push(`parent started @${self.clock.monotonicMs()}`);
        self.spawn(Child, "c");
        return {};
      },
      supervision: {
        otherwise: { action: "restart", backoff: { minMs: 100, maxMs: 100, jitter: 0 } },
      },
    }).commands({
      fail: (): void => {
        throw new Error("e");
      },
      ping: () => "pong",
    });
    const kit = createTestKernel();
    const parent = kit.kernel.spawn(Parent, "p");
    await kit.settle();
    parent.tell.fail();
    expect(await kit.run(parent.ping())).toBe("pong");
    expect(log).toEqual(["parent started @0", "child ended @20", "parent started @120"]);
    await kit.stop();
  });

  test("a failing initializer is retried with backoff, and does not spin without", async () => {
    let starts = 0;
    const startOf = (supervision: Supervision) =>
      defineActor("bad", {
        initialState: (): object => {
          starts++;
          if (starts < 4) throw new Error("not yet");
          return {};
        },
        supervision,
      }).commands({ ping: () => "pong" });
    const kit = createTestKernel();
    const backoff = { minMs: 10, maxMs: 1_000, jitter: 0 };
    const retried = kit.kernel.spawn(startOf({ otherwise: { action: "restart", backoff } }), "r");
    expect(await kit.run(retried.ping())).toBe("pong");
    expect(kit.clock.monotonicMs()).toBe(10 + 20 + 40);
    starts = -1_000_000;
    const otherwise = { action: "restart" as const, restartsMax: 5, withinMs: 1_000 };
    const spinning = kit.kernel.spawn(startOf({ otherwise }), "s");
    expect(await kit.run(fate(spinning.ping()))).toBe("TROUPE_ACTOR_STOPPED");
    expect(starts).toBe(-1_000_000 + 6);
    await kit.stop();
  });

  test("a stop during the backoff ends it", async () => {
    const backoff = { minMs: 1_000, maxMs: 1_000 };
    const kit = createTestKernel();
    const actor = kit.kernel.spawn(failing({ otherwise: { action: "restart", backoff } }), "a");
    actor.tell.fail(new Error("e"));
    await kit.settle();
    expect(kit.kernel.actors()[0]?.phase).toBe("backing-off");
    await kit.run(actor.ref.stop());
    expect(kit.clock.monotonicMs()).toBe(0);
    await kit.stop();
    expect(kit.clock.timers).toBe(0);
  });
});

describe("escalation", () => {
  const Child = failing({ otherwise: { action: "escalate" } });

  function parentWith(supervision: Supervision, log: string[]) {
    return defineActor("parent", {
      initialState: (self) => {
        log.push("parent started");
        return { child: self.spawn(Child, "c"), other: self.spawn(Child, "o") };
      },
      supervision,
    }).commands({
      child: (me) => me.state.child,
      hold: async (me) => {
        await new Promise<void>((resolve) => me.clock.setTimer(50, resolve));
        return "held";
      },
    });
  }

  test("resume: the child goes on with its state", async () => {
    const kit = createTestKernel();
    const parent = kit.kernel.spawn(parentWith({ otherwise: { action: "resume" } }, []), "p");
    const child = await kit.run(parent.child());
    await kit.run(child.add());
    const all = [fate(child.fail(new Error("e"))), child.add()];
    expect(await kit.run(Promise.all(all))).toEqual(["TROUPE_COMMAND_FAILED", 2]);
    await kit.stop();
  });

  test("restart: parent and children begin anew, also while the parent's handler waits", async () => {
    const log: string[] = [];
    const kit = createTestKernel();
    const parent = kit.kernel.spawn(parentWith({}, log), "p");
    const child = await kit.run(parent.child());
    const held = parent.hold();
    await kit.settle();
    child.tell.fail(new Error("e"));
    const waiting = fate(child.add());
    const next = parent.child();
    expect(await kit.run(held)).toBe("held");
    expect(await kit.run(waiting)).toBe("TROUPE_ACTOR_STOPPED");
    expect(await kit.run((await kit.run(next)).add())).toBe(1);
    expect(log).toEqual(["parent started", "parent started"]);
    await kit.stop();
  });

  test("up to the top: the top-level actor is stopped, the system goes on", async () => {
    const lines: string[] = [];
    const logger = { ...consoleLogger(), error: (message: string) => void lines.push(message) };
    const silent = { debug: () => {}, info: () => {}, warn: () => {} };
    const kit = createTestKernel({ logger: { ...logger, ...silent } });
    const escalate = { otherwise: { action: "escalate" as const } };
    const parent = kit.kernel.spawn(parentWith(escalate, []), "p");
    const bystander = kit.kernel.spawn(Child, "b");
    const child = await kit.run(parent.child());
    child.tell.fail(new Error("e"));
    await kit.settle();
    expect(await fate(parent.child())).toBe("TROUPE_ACTOR_STOPPED");
    expect(await kit.run(bystander.add())).toBe(1);
    expect(lines).toEqual(["a failure reached the top; its actor is stopped"]);
    await kit.stop();
  });
});

test("failures remember across lives", () => {
  const failures = new Failures();
  const kit = createTestKernel();
  const policy: Supervision = { otherwise: { action: "restart", restartsMax: 1 } };
  const engine = { clock: kit.clock, ...given };
  // Only clock, random and limits are looked at.
  const decideOnce = () =>
    failures.decide(policy, { error: "x", duringStart: false }, engine as never).action;
  expect([decideOnce(), decideOnce()]).toEqual(["restart", "stop"]);
  expect(failures.fatal).toBe("x");
});
