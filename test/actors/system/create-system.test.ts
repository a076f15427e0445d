import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  createSystem,
  defineActor,
  defineBehaviour,
  definePersistentActor,
  isTroupeError,
  type MessageRef,
  type System,
  silentLogger,
} from "../../../src/index.ts";
import { failureOf } from "../persistence/entity-fixture.ts";

const Counter = definePersistentActor("counter", { initialState: () => ({ n: 0 }) })
  .events({ added: (state, by: number) => ({ n: state.n + by }) })
  .commands({
    add: (counter, by: number) => counter.persist("added", by),
    get: (counter) => counter.state.n,
    wait: (counter) =>
      new Promise<void>((resolve) => {
        counter.signal.addEventListener("abort", () => resolve(), { once: true });
      }),
  });

const Greeter = defineActor("greeter", { initialState: () => ({ greeted: 0 }) }).commands({
  greet: (actor, name: string) => `Hello, ${name}! You are visitor ${++actor.state.greeted}.`,
});

const Sized = defineActor("sized", {
  initialState: (_self, props: { size: number }) => ({ size: props.size }),
}).commands({ size: (actor) => actor.state.size });

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "troupe-system-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

async function create(options: Partial<Parameters<typeof createSystem>[0]> = {}): Promise<System> {
  const system = await createSystem({ name: "test", logger: silentLogger, shards: 4, ...options });
  onTestFinished(() => system.stop({ deadlineMs: 0 }));
  return system;
}

describe("a system", () => {
  it("keeps its actors in the data folder, from one life to the next", async () => {
    const dataDir = folder();
    for (let life = 1; life <= 3; life++) {
      await using system = await createSystem({ name: "shop", dataDir, logger: silentLogger });
      for (let n = 0; n < 20; n++) await system.actor(Counter, `c${n}`).add(n);
      expect(await system.actor(Counter, "c7").get()).toBe(7 * life);
    }
  });

  it("without a folder lives in memory", async () => {
    const first = await create();
    await first.actor(Counter, "x").add(1);
    await first.stop();
    const second = await create();
    expect(await second.actor(Counter, "x").get()).toBe(0);
  });

  it("has actors in memory beside the persistent ones", async () => {
    const system = await create();
    const lobby = system.spawn(Greeter, "lobby");
    expect(await lobby.greet("Ada")).toBe("Hello, Ada! You are visitor 1.");
    expect(await system.actor(Greeter, "lobby").greet("Bo")).toBe("Hello, Bo! You are visitor 2.");
    expect(await system.spawn(Sized, "s", { props: { size: 3 } }).size()).toBe(3);
    type DoorMessage = { type: "open" } | { type: "isOpen"; replyTo: MessageRef<boolean> };
    const Door = defineBehaviour<DoorMessage>("door", () => {
      let open = false;
      return (message) => {
        if (message.type === "open") open = true;
        else message.replyTo.tell(open);
      };
    });
    const door = system.spawn(Door, "front");
    door.tell({ type: "open" });
    expect(await door.ask({ type: "isOpen" }, { timeoutMs: 1_000 })).toBe(true);
    const types = (): void => {
      // @ts-expect-error actors with props are spawned
      system.actor(Sized, "s");
      // @ts-expect-error its props are missing
      system.spawn(Sized, "t");
    };
    expect(types).toBeTypeOf("function");
  });

  it("gives definitions a function the system itself, before anything is woken", async () => {
    const seen: string[] = [];
    const system = await create({
      definitions: (given) => {
        const lobby = given.spawn(Greeter, "lobby");
        return [
          definePersistentActor("host", { initialState: () => 0 })
            .events({})
            .commands({ welcome: async (_host, who: string) => seen.push(await lobby.greet(who)) }),
        ];
      },
    });
    expect(system.kernel.actors().map(({ path }) => path)).toContain("/lobby");
    expect(seen).toEqual([]);
  });

  it("refuses two definitions of one name", async () => {
    const system = await create({ definitions: [Counter] });
    const Other = definePersistentActor("counter", { initialState: () => 0 })
      .events({})
      .commands({});
    expect(() => system.actor(Other, "x")).toThrow('already has an actor named "counter"');
    const failed = await failureOf(
      createSystem({ name: "two", definitions: [Counter, Other], logger: silentLogger }),
    );
    expect(isTroupeError(failed, "TROUPE_NAME_TAKEN")).toBe(true);
  });

  it("says what is wrong with its folder", async () => {
    const dataDir = folder();
    await (await create({ dataDir, shards: 4 })).stop();
    const failed = await failureOf(create({ dataDir, shards: 8 }));
    expect(isTroupeError(failed, "TROUPE_JOURNAL_UNUSABLE") && failed.message).toContain(
      "4 shards",
    );
    const file = join(dataDir, "file");
    writeFileSync(file, "not a folder");
    const denied = await failureOf(create({ dataDir: file }));
    expect(isTroupeError(denied, "TROUPE_JOURNAL_UNAVAILABLE") && denied.message).toContain(file);
  });
});

describe("stopping a system", () => {
  it("lets commands under way end and reply, then refuses", async () => {
    const dataDir = folder();
    const system = await create({ dataDir });
    const counter = system.actor(Counter, "x");
    const adding = Array.from({ length: 500 }, () => counter.add(1));
    const stopped = system.stop();
    await Promise.all(adding);
    await stopped;
    await system.stop();
    const failed = await failureOf(counter.add(1));
    expect(isTroupeError(failed, "TROUPE_SYSTEM_STOPPED") && failed.outcome).toBe("not-done");
    expect(() => system.actor(Counter, "y")).toThrow("is stopped");
    const again = await create({ dataDir });
    expect(await again.actor(Counter, "x").get()).toBe(500);
  });

  it("ends what still runs at the deadline, and tells its caller", async () => {
    const system = await create();
    const waiting = failureOf(system.actor(Counter, "x").wait());
    const behind = failureOf(system.actor(Counter, "x").add(1));
    await system.actor(Counter, "y").get();
    await system.stop({ deadlineMs: 50 });
    const stopped = await waiting;
    expect(isTroupeError(stopped, "TROUPE_ACTOR_STOPPED") && stopped.outcome).toBe("unknown");
    const refused = await behind;
    expect(isTroupeError(refused, "TROUPE_SYSTEM_STOPPED") && refused.outcome).toBe("not-done");
  });

  it("by its kernel, as a signal does, flushes and closes the journal too", async () => {
    const dataDir = folder();
    const system = await create({ dataDir });
    const adding = system.actor(Counter, "x").add(1);
    await system.kernel.stop();
    await adding;
    await system.stop();
    const again = await create({ dataDir });
    expect(await again.actor(Counter, "x").get()).toBe(1);
  });

  it("leaves no timer behind", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const system = await createSystem({ name: "quiet", logger: silentLogger });
    await system.actor(Counter, "x").add(1);
    await system.stop();
    const after = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    expect(after).toBeLessThanOrEqual(before);
  });
});
