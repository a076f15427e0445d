/**
 * On the machine's own clock: what one busy actor costs the others and the event loop. How fast is a matter of the
 * benchmarks; here all of them get on, however busy the machine is.
 */
import { describe, expect, test } from "vitest";
import {
  createKernel,
  defineActor,
  defineBehaviour,
  type Observed,
  silentLogger,
} from "../../../src/actors/kernel/index.ts";
import { waitUntil } from "../../support/wait-until.ts";

function spin(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

describe("fairness", () => {
  test("an actor that keeps itself busy starves neither others nor the event loop", async () => {
    const kernel = createKernel({ name: "fair" });
    let turns = 0;
    const Busy = defineBehaviour<"go">("busy", (me) => (message) => {
      turns++;
      me.self.tell(message);
    });
    const Echo = defineActor("echo", { initialState: () => ({}) }).commands({
      echo: (_me, n: number) => n,
    });
    const busy = kernel.spawn(Busy, "busy");
    busy.tell("go");
    const echo = kernel.spawn(Echo, "echo");
    let immediates = 0;
    let timers = 0;
    let isOver = false;
    const immediate = (): void => {
      immediates++;
      if (!isOver) setImmediate(immediate);
    };
    setImmediate(immediate);
    const interval = setInterval(() => timers++, 5);
    // Who starves one of them never gets to the end of this.
    for (let asks = 0; !isOver; asks++) {
      expect(await echo.echo(asks)).toBe(asks);
      isOver = asks > 50 && turns > 10_000 && immediates > 20 && timers > 5;
    }
    clearInterval(interval);
    await kernel.stop();
  });

  test("slow handlers let the event loop through after each of them", async () => {
    const kernel = createKernel({ name: "slow" });
    const Slow = defineActor("slow", { initialState: () => ({}) }).commands({
      work: () => spin(5),
    });
    const slow = kernel.spawn(Slow, "slow");
    await slow.work();
    for (let i = 0; i < 40; i++) slow.tell.work();
    let rounds = 0;
    const immediate = (): void => {
      rounds++;
      setImmediate(immediate);
    };
    const handle = setImmediate(immediate);
    await slow.work();
    clearImmediate(handle);
    expect(rounds).toBeGreaterThan(20);
    await kernel.stop();
  });

  test("asks in a row do not keep the event loop from going on", async () => {
    const kernel = createKernel({ name: "row" });
    const Echo = defineActor("echo", { initialState: () => ({}) }).commands({ echo: () => 1 });
    const echo = kernel.spawn(Echo, "echo");
    const timer = { fired: false };
    setTimeout(() => {
      timer.fired = true;
    }, 1);
    for (let asks = 0; !timer.fired && asks < 5_000_000; asks++) await echo.echo();
    expect(timer.fired).toBe(true);
    await kernel.stop();
  });
});

describe("the watchdog", () => {
  test("names a handler that blocks the event loop", async () => {
    const blocked: [Observed, number][] = [];
    const kernel = createKernel({
      name: "block",
      limits: { blockWarnMs: 50 },
      observer: { handlerBlocked: (actor, tookMs) => void blocked.push([actor, tookMs]) },
    });
    const Blocking = defineActor("blocking", { initialState: () => ({}) }).commands({
      block: () => spin(80),
    });
    const blocking = kernel.spawn(Blocking, "b");
    await blocking.block();
    expect(blocked[0]?.[0]).toEqual({ kind: "blocking", path: "/b" });
    expect(blocked[0]?.[1]).toBeGreaterThanOrEqual(50);
    await kernel.stop();
  });

  test("names a handler that never ends, once", async () => {
    const lines: unknown[] = [];
    const kernel = createKernel({
      name: "stuck",
      limits: { handlerWarnMs: 30 },
      logger: {
        ...silentLogger,
        warn: (message, fields) => void lines.push({ message, ...fields }),
      },
    });
    const Stuck = defineActor("stuck", { initialState: () => ({}) }).commands({
      hang: () => new Promise<void>(() => {}),
      quick: () => 1,
    });
    const stuck = kernel.spawn(Stuck, "s");
    stuck.tell.hang();
    stuck.tell.quick();
    await waitUntil("there is a warning", () => lines.length > 0);
    expect(lines[0]).toMatchObject({ actor: "/s", command: "hang", waiting: 1 });
    await kernel.stop({ deadlineMs: 0 });
    expect(lines.filter((line) => JSON.stringify(line).includes("does not end"))).toHaveLength(1);
  });
});
