import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  command,
  createKernel,
  defineActor,
  defineBehaviour,
  isRejectedBy,
  isTroupeError,
  type MessageRef,
} from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const Greeter = defineActor("greeter", { initialState: () => ({ greeted: 0 }) }).commands({
  greet: (actor, name: string) => `Hello, ${name}! You are visitor ${++actor.state.greeted}.`,
  greeted: (actor) => actor.state.greeted,
  refuse: (actor, left: number) => actor.reject("sold-out", { left }),
  add: command(z.object({ count: z.coerce.number().int() }), (actor, input) => {
    actor.state.greeted += input.count;
    return actor.state.greeted;
  }),
  three: (_actor, a: number, b: number, c: number) => [a, b, c],
});

const wait = (clock: { setTimer(ms: number, fire: () => void): unknown }, ms: number) =>
  new Promise<void>((resolve) => void clock.setTimer(ms, resolve));

describe("an actor with commands", () => {
  test("replies, tells and keeps its state", async () => {
    const kit = createTestKernel();
    const greeter = kit.kernel.spawn(Greeter, "g");
    expect(await kit.run(greeter.greet("Ada"))).toBe("Hello, Ada! You are visitor 1.");
    greeter.tell.greet("Bob");
    expect(await kit.run(greeter.greeted())).toBe(2);
    expect(await kit.run(greeter.three(1, 2, 3))).toEqual([1, 2, 3]);
    await kit.stop();
  });

  test("a rejection is thrown typed, and is a value through try", async () => {
    const kit = createTestKernel();
    const greeter = kit.kernel.spawn(Greeter, "g");
    const tried = await kit.run(greeter.try.refuse(3));
    expect(tried.ok ? undefined : tried.rejection).toMatchObject({
      reason: "sold-out",
      details: { left: 3 },
    });
    expect(await kit.run(greeter.try.greeted())).toEqual({ ok: true, value: 0 });
    const error: unknown = await kit.run(greeter.refuse(3).catch((thrown: unknown) => thrown));
    expect(isRejectedBy(error, Greeter, "refuse")).toBe(true);
    expect(isRejectedBy(error, Greeter, "greet")).toBe(false);
    expect(isTroupeError(error, "TROUPE_COMMAND_REJECTED")).toBe(true);
    await kit.stop();
  });

  test("a schema checks the input before the turn, and the actor is not touched", async () => {
    const kit = createTestKernel();
    const greeter = kit.kernel.spawn(Greeter, "g");
    expect(await kit.run(greeter.add({ count: "7" }))).toBe(7);
    const error: unknown = await kit.run(greeter.add({ count: "x" }).catch((e: unknown) => e));
    expect(isTroupeError(error, "TROUPE_COMMAND_INVALID") && error.details.issues[0]).toContain(
      "count:",
    );
    greeter.tell.add({ count: "x" });
    expect(await kit.run(greeter.greeted())).toBe(7);
    expect(kit.kernel.deadLetters.counts()).toEqual({ unhandled: 1 });
    expect(kit.kernel.actors()[0]?.restarts).toBe(0);
    await kit.stop();
  });

  test("props reach the initial state, which may be asynchronous", async () => {
    const Sized = defineActor("sized", {
      initialState: async (self, props: { size: number }) => {
        await wait(self.clock, 10);
        return { id: self.id, size: props.size };
      },
    }).commands({ show: (actor) => actor.state });
    const kit = createTestKernel();
    const sized = kit.kernel.spawn(Sized, "s", { props: { size: 3 } });
    expect(await kit.run(sized.show())).toEqual({ id: "s", size: 3 });
    await kit.stop();
  });

  test("an asynchronous handler holds its actor, others go on", async () => {
    const log: string[] = [];
    const Slow = defineActor("slow", { initialState: () => ({}) }).commands({
      work: async (actor, name: string) => {
        log.push(`${name} begins`);
        await wait(actor.clock, 20);
        log.push(`${name} ends`);
      },
    });
    const kit = createTestKernel();
    const one = kit.kernel.spawn(Slow, "one");
    const two = kit.kernel.spawn(Slow, "two");
    await kit.run(Promise.all([one.work("a"), one.work("b"), two.work("c")]));
    const of = (...names: string[]) => log.filter((line) => names.includes(line[0] ?? ""));
    expect(of("a", "b")).toEqual(["a begins", "a ends", "b begins", "b ends"]);
    expect(log.indexOf("c begins")).toBeLessThan(log.indexOf("a ends"));
    await kit.stop();
  });

  test("commands may be named like the handle's own fields", async () => {
    const Odd = defineActor("odd", { initialState: () => ({}) }).commands({
      target: () => 1,
      options: () => 2,
      path: () => 3,
    });
    const kit = createTestKernel();
    const odd = kit.kernel.spawn(Odd, "o");
    const answers = kit.run(Promise.all([odd.target(), odd.options(), odd.path()]));
    expect(await answers).toEqual([1, 2, 3]);
    await kit.stop();
  });

  test("messages of one sender are handled in order, told and asked alike", async () => {
    const seen: number[] = [];
    const Log = defineActor("log", { initialState: () => ({}) }).commands({
      add: (_actor, n: number) => void seen.push(n),
    });
    const kernel = createKernel({ name: "order" });
    const log = kernel.spawn(Log, "l");
    const asks: Promise<void>[] = [];
    for (let i = 0; i < 1_000; i++) {
      if (i % 3 === 0) asks.push(log.add(i));
      else log.tell.add(i);
    }
    await Promise.all(asks);
    await log.add(1_000);
    expect(seen).toEqual(Array.from({ length: 1_001 }, (_, i) => i));
    await kernel.stop();
  });

  test("kernel.actor finds the living one, or spawns it", async () => {
    const kit = createTestKernel();
    const first = kit.kernel.actor(Greeter, "lobby");
    await kit.run(first.greet("a"));
    expect(await kit.run(kit.kernel.actor(Greeter, "lobby").greeted())).toBe(1);
    const Other = defineActor("other", { initialState: () => ({}) }).commands({});
    expect(() => kit.kernel.actor(Other, "lobby")).toThrow(/already has an actor named/);
    await kit.stop();
  });
});

type DoorMessage =
  | { type: "open" }
  | { type: "lock" }
  | { type: "isOpen"; replyTo: MessageRef<boolean> };

describe("a behaviour", () => {
  const Door = defineBehaviour<DoorMessage>("door", (door) => {
    let open = false;
    return (message) => {
      if (message.type === "open") open = true;
      else if (message.type === "isOpen") message.replyTo.tell(open);
      else {
        door.become((locked) => {
          if (locked.type === "isOpen") locked.replyTo.tell(false);
        });
      }
    };
  });

  test("is asked with replyTo filled in, and becomes another", async () => {
    const kit = createTestKernel();
    const door = kit.kernel.spawn(Door, "front");
    expect(await kit.run(door.ask({ type: "isOpen" }))).toBe(false);
    door.tell({ type: "open" });
    expect(await kit.run(door.ask({ type: "isOpen" }))).toBe(true);
    door.tell({ type: "lock" });
    expect(await kit.run(door.ask({ type: "isOpen" }))).toBe(false);
    await kit.stop();
  });

  test("a second answer to one ask is a dead letter", async () => {
    const Twice = defineBehaviour<{ type: "q"; replyTo: MessageRef<number> }>(
      "twice",
      () => (message) => {
        message.replyTo.tell(1);
        message.replyTo.tell(2);
      },
    );
    const kit = createTestKernel();
    const twice = kit.kernel.spawn(Twice, "t");
    expect(await kit.run(twice.ask({ type: "q" }))).toBe(1);
    expect(kit.kernel.deadLetters.counts()).toEqual({ "late-reply": 1 });
    await kit.stop();
  });
});
