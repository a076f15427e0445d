import { describe, expect, test } from "vitest";
import { type ActorContext, defineActor, isTroupeError } from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const codeOf = (error: unknown): string => (isTroupeError(error) ? error.code : String(error));
const fate = (promise: Promise<unknown>): Promise<unknown> => promise.catch(codeOf);

function treeOf(log: string[], stopMs: number) {
  const Node = defineActor("node", {
    initialState: (self, depth: number) => {
      if (depth > 0) {
        for (const name of ["a", "b"]) self.spawn(Node, name, { props: depth - 1 });
      }
      self.onStop(async () => {
        await new Promise<void>((resolve) => self.clock.setTimer(stopMs, resolve));
        log.push(self.path);
      });
      return {};
    },
  }).commands({ ping: () => "pong" });
  return Node;
}

describe("stopping", () => {
  test("goes through the tree bottom-up and waits for every end", async () => {
    const log: string[] = [];
    const kit = createTestKernel();
    const top = kit.kernel.spawn(treeOf(log, 10), "top", { props: 2 });
    await kit.run(top.ping());
    expect(kit.kernel.actors()).toHaveLength(7);
    await kit.run(top.ref.stop());
    expect(kit.kernel.actors()).toHaveLength(0);
    expect(log).toHaveLength(7);
    for (const path of log) {
      const parent = path.slice(0, path.lastIndexOf("/"));
      if (parent !== "") expect(log.indexOf(parent)).toBeGreaterThan(log.indexOf(path));
    }
    await kit.stop();
  });

  test("comes to its end by the deadline, whatever hangs", async () => {
    let late: unknown;
    let kept: ActorContext<{ n: number }> | undefined;
    const Stuck = defineActor("stuck", { initialState: () => ({ n: 0 }) }).commands({
      hang: async (me) => {
        kept = me;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        try {
          me.state.n = 1;
        } catch (error) {
          late = error;
          throw error;
        }
      },
    });
    let release: () => void = () => {};
    const Parent = defineActor("parent", {
      initialState: (self) => ({ child: self.spawn(Stuck, "child") }),
    }).commands({ hang: (me) => me.state.child.tell.hang() });
    const kit = createTestKernel();
    const parent = kit.kernel.spawn(Parent, "p");
    await kit.run(parent.hang());
    await kit.settle();
    const stopping = parent.ref.stop({ deadlineMs: 50 });
    await kit.advance(49);
    expect(kit.kernel.actors()).toHaveLength(2);
    // Asked to hurry at once, revoked at the deadline.
    expect(kept?.signal.aborted).toBe(true);
    expect(kept?.state.n).toBe(0);
    await kit.advance(1);
    await stopping;
    expect(kit.kernel.actors()).toHaveLength(0);
    release();
    await kit.settle();
    expect(isTroupeError(late, "TROUPE_REVOKED") && late.details.use).toBe("state");
    await kit.stop();
  });

  test("an ask in the handler that is revoked fails with an unknown outcome, a waiting one is not done", async () => {
    const Stuck = defineActor("stuck", { initialState: () => ({}) }).commands({
      hang: () => new Promise<void>(() => {}),
      quick: () => "quick",
    });
    const kit = createTestKernel();
    const stuck = kit.kernel.spawn(Stuck, "s");
    const hanging = stuck.hang().catch((e: unknown) => e);
    const waiting = stuck.quick().catch((e: unknown) => e);
    stuck.tell.quick();
    await kit.settle();
    await kit.run(stuck.ref.stop({ deadlineMs: 0 }));
    expect(await hanging).toMatchObject({ code: "TROUPE_ACTOR_STOPPED", outcome: "unknown" });
    expect(await waiting).toMatchObject({ code: "TROUPE_ACTOR_STOPPED", outcome: "not-done" });
    expect(kit.kernel.deadLetters.counts()).toEqual({ stopped: 1 });
    expect(kit.kernel.deadLetters.samples()[0]).toMatchObject({ to: "/s", command: "quick" });
    await kit.stop();
  });

  test("a handler that heeds its signal ends in peace", async () => {
    const Polite = defineActor("polite", { initialState: () => ({}) }).commands({
      wait: (me) =>
        new Promise<string>((resolve) => {
          me.signal.addEventListener("abort", () => resolve("interrupted"));
        }),
    });
    const kit = createTestKernel();
    const polite = kit.kernel.spawn(Polite, "p");
    const waiting = polite.wait();
    await kit.settle();
    await kit.run(polite.ref.stop());
    expect(await waiting).toBe("interrupted");
    expect(kit.clock.monotonicMs()).toBe(0);
    await kit.stop();
  });

  test("stopping twice, and after the end, is the same stop", async () => {
    const kit = createTestKernel();
    const log: string[] = [];
    const top = kit.kernel.spawn(treeOf(log, 10), "top", { props: 0 });
    await kit.settle();
    await kit.run(Promise.all([top.ref.stop(), top.ref.stop()]));
    await kit.run(top.ref.stop());
    expect(log).toEqual(["/top"]);
    await kit.run(Promise.all([kit.kernel.stop(), kit.kernel.stop()]));
  });

  test("an earlier deadline of a second stop counts", async () => {
    const Stuck = defineActor("stuck", { initialState: () => ({}) }).commands({
      hang: () => new Promise<void>(() => {}),
    });
    const kit = createTestKernel();
    const stuck = kit.kernel.spawn(Stuck, "s");
    stuck.tell.hang();
    await kit.settle();
    const first = stuck.ref.stop({ deadlineMs: 10_000 });
    const second = stuck.ref.stop({ deadlineMs: 20 });
    await kit.run(Promise.all([first, second]));
    expect(kit.clock.monotonicMs()).toBe(20);
    await kit.stop();
  });

  test("a stop hook that fails or hangs stops nobody", async () => {
    const Bad = defineActor("bad", {
      initialState: (self) => {
        self.onStop(() => new Promise(() => {}));
        self.onStop(() => {
          throw new Error("hook");
        });
        return {};
      },
    }).commands({});
    const kit = createTestKernel();
    kit.kernel.spawn(Bad, "b");
    await kit.settle();
    await kit.run(kit.kernel.stop({ deadlineMs: 30 }));
    expect(kit.clock.monotonicMs()).toBe(30);
  });

  test("an old reference does not reach a new actor of the same name", async () => {
    const Named = defineActor("named", { initialState: () => ({}) }).commands({ hi: () => "hi" });
    const kit = createTestKernel();
    const old = kit.kernel.spawn(Named, "n");
    await kit.run(old.ref.stop());
    const young = kit.kernel.spawn(Named, "n");
    expect(young.ref.path).toBe(old.ref.path);
    expect(young.ref.incarnation).not.toBe(old.ref.incarnation);
    expect(await kit.run(fate(old.hi()))).toBe("TROUPE_ACTOR_STOPPED");
    old.tell.hi();
    expect(kit.kernel.deadLetters.total).toBe(1);
    expect(await kit.run(young.hi())).toBe("hi");
    await kit.stop();
  });

  test("context.stop ends the actor after the turn, with its reply sent", async () => {
    const Once = defineActor("once", { initialState: () => ({}) }).commands({
      go: (me) => {
        me.stop();
        return "done";
      },
    });
    const kit = createTestKernel();
    const once = kit.kernel.spawn(Once, "o");
    const [first, second] = await kit.run(Promise.all([once.go(), fate(once.go())]));
    expect([first, second]).toEqual(["done", "TROUPE_ACTOR_STOPPED"]);
    expect(kit.kernel.actors()).toEqual([]);
    await kit.stop();
  });

  test("deep and wide trees stop without recursion", async () => {
    const Chain = defineActor("chain", {
      initialState: (self, left: number) => {
        if (left > 0) self.spawn(Chain, "c", { props: left - 1 });
        return {};
      },
    }).commands({});
    const kit = createTestKernel();
    kit.kernel.spawn(Chain, "top", { props: 5_000 });
    const Wide = defineActor("wide", {
      initialState: (self) => {
        for (let i = 0; i < 5_000; i++) self.spawn(Chain, String(i), { props: 0 });
        return {};
      },
    }).commands({});
    kit.kernel.spawn(Wide, "wide");
    await kit.settle();
    expect(kit.kernel.actors().length).toBe(10_002);
    await kit.run(kit.kernel.stop({ deadlineMs: 0 }));
    expect(kit.kernel.actors()).toEqual([]);
  });
});
