/** Who is in memory, who leaves it, and what deletion means. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { definePersistentActor } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { crash, disk, freeze, settle, start } from "./entity-fixture.ts";

const minuteMs = 60_000;

const define = (name: string, passivateAfterMs?: number) =>
  definePersistentActor(name, {
    initialState: () => ({ n: 0, busy: false }),
    open: (state) => state.busy,
    ...(passivateAfterMs !== undefined && { passivateAfterMs }),
  })
    .events({
      added: (state, by: number) => ({ ...state, n: state.n + by }),
      turned: (state, busy: boolean) => ({ ...state, busy }),
    })
    .commands({
      add: (c, by: number) => {
        c.persist("added", by);
        return c.state.n;
      },
      turn: (c, busy: boolean) => c.persist("turned", busy),
      get: (c) => c.state.n,
      addAndStop: (c, by: number) => {
        c.persist("added", by);
        c.stop();
      },
      addAndDelete: (c, by: number) => {
        c.persist("added", by);
        c.delete();
        return c.state.n;
      },
      deleteAndReject: (c) => {
        c.delete();
        return c.reject("no");
      },
    });

const Thing = define("thing");
const Brief = define("brief", 1_000);
const Kept = define("kept", Number.POSITIVE_INFINITY);

/** Says of no state but an odd one whether it is half-done. */
const Doubtful = definePersistentActor("doubtful", {
  initialState: () => ({ n: 0 }),
  open: ({ n }) => {
    if (n % 2 === 0) throw new Error("cannot tell");
    return false;
  },
})
  .events({ added: ({ n }, by: number) => ({ n: n + by }) })
  .commands({
    add: (c, by: number) => c.persist("added", by),
    get: (c) => c.state.n,
  });

describe("passivation", () => {
  it("goes on where `open` throws, which a commit does not survive", async () => {
    const clock = new ManualClock();
    const errors: string[] = [];
    const observer = {
      actorFailed: (_: unknown, error: unknown) => void errors.push(String(error)),
    };
    const system = await start({ journal: disk(), clock, observer });
    const doubtful = system.actor(Doubtful, "a");
    expect(await doubtful.get()).toBe(0);
    clock.advance(10 * minuteMs);
    expect(errors).toEqual(["Error: cannot tell"]);
    expect(system.entities()).toEqual([]);
    await doubtful.add(1);
    await expect(doubtful.add(1)).rejects.toThrow("cannot tell");
    expect(await doubtful.get()).toBe(1);
  });

  it("lets go of what was not used for its time, and nothing else", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    await system.actor(Thing, "idle").add(1);
    await system.actor(Thing, "used").add(1);
    await system.actor(Brief, "brief").add(1);
    await system.actor(Kept, "kept").add(1);
    await system.actor(Thing, "open").turn(true);
    const here = (): string[] =>
      system
        .entities()
        .map(({ id }) => id)
        .sort();
    clock.advance(2_000);
    expect(here()).toEqual(["idle", "kept", "open", "used"]);
    clock.advance(minuteMs);
    await system.actor(Thing, "used").get();
    clock.advance(1.5 * minuteMs);
    expect(here()).toEqual(["kept", "open", "used"]);
    expect(await system.actor(Thing, "idle").get()).toBe(1);
    await system.actor(Thing, "open").turn(false);
    clock.advance(5 * minuteMs);
    expect(here()).toEqual(["kept"]);
  });

  it("keeps the number in memory at its cap, and gives back the longest unused first", async () => {
    const clock = new ManualClock();
    const system = await start({ clock, limits: { residentEntitiesMax: 50 } });
    for (let n = 0; n < 40; n++) await system.actor(Thing, `old-${n}`).add(n);
    clock.advance(minuteMs);
    for (let n = 0; n < 300; n++) {
      await system.actor(Thing, "favourite").get();
      await system.actor(Thing, `new-${n}`).add(n);
      expect(system.entities().length).toBeLessThanOrEqual(50);
    }
    const ids = system.entities().map(({ id }) => id);
    expect(ids.some((id) => id.startsWith("old"))).toBe(false);
    for (let n = 0; n < 300; n += 37) expect(await system.actor(Thing, `new-${n}`).get()).toBe(n);
    for (let n = 0; n < 40; n += 7) expect(await system.actor(Thing, `old-${n}`).get()).toBe(n);
  });

  it("never lets go of an entity that has something to do", async () => {
    const system = await start({ limits: { residentEntitiesMax: 5 } });
    const actors = Array.from({ length: 50 }, (_, n) => system.actor(Thing, `busy-${n}`));
    const replies = await Promise.all(actors.flatMap((a) => [a.add(1), a.add(1), a.add(1)]));
    expect(replies).toEqual(actors.flatMap(() => [1, 2, 3]));
    expect(system.entities().length).toBeLessThanOrEqual(50);
  });

  it("by the actor itself, and by its ref, loses nothing", async () => {
    const system = await start();
    const thing = system.actor(Thing, "stopping");
    await thing.addAndStop(1);
    await waitUntil("it has left", () => system.entities().length === 0);
    const thaw = freeze(system);
    const adding = thing.add(1);
    await settle();
    const stopped = thing.ref.stop();
    await settle();
    expect(system.entities()).toHaveLength(1);
    thaw();
    expect(await adding).toBe(2);
    await stopped;
    expect(system.entities()).toHaveLength(0);
    expect(await thing.get()).toBe(2);
  });

  it("of an entity that gets commands all the time waits for a quiet moment", async () => {
    const system = await start();
    const thing = system.actor(Thing, "racing");
    const replies: number[] = [];
    for (let n = 1; n <= 200; n++) {
      const reply = thing.add(1);
      if (n % 3 === 0) void thing.ref.stop();
      replies.push(await reply);
    }
    expect(replies).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
  });
});

describe("deletion", () => {
  it("ends one life with all of its events; the next command begins another", async () => {
    const journal = disk();
    const system = await start({ journal });
    const thing = system.actor(Thing, "mortal");
    await thing.add(5);
    expect(await system.ids(Thing)).toEqual(["mortal"]);
    expect(await thing.addAndDelete(2)).toBe(7);
    expect(await system.ids(Thing)).toEqual([]);
    expect(await thing.get()).toBe(0);
    expect(await thing.add(1)).toBe(1);
    crash(system);
    const again = await start({ journal });
    expect(await again.actor(Thing, "mortal").get()).toBe(1);
  });

  it("is final before what was sent right behind it", async () => {
    const system = await start();
    const thing = system.actor(Thing, "pipelined");
    await thing.add(5);
    expect(
      await Promise.all([thing.add(1), thing.addAndDelete(1), thing.add(1), thing.get()]),
    ).toEqual([6, 7, 1, 1]);
  });

  it("stays deleted after a crash, and is dropped by a rejection", async () => {
    const journal = disk();
    const system = await start({ journal });
    await system.actor(Thing, "gone").turn(true);
    await system.actor(Thing, "gone").addAndDelete(1);
    await system.actor(Thing, "spared").add(3);
    await system.actor(Thing, "spared").try.deleteAndReject();
    crash(system);
    const again = await start({ journal, definitions: [Thing] });
    await settle();
    expect(again.entities()).toEqual([]);
    expect(await again.ids(Thing)).toEqual(["spared"]);
    expect(await again.actor(Thing, "gone").get()).toBe(0);
    expect(await again.actor(Thing, "spared").get()).toBe(3);
  });

  it("lists the ids that are there, over all shards", async () => {
    const system = await start({ journal: disk(8) });
    const ids = Array.from({ length: 100 }, (_, n) => `id/${n}`).sort();
    await Promise.all(ids.map((id) => system.actor(Thing, id).add(1)));
    await system.actor(Brief, "other").add(1);
    await system.actor(Thing, "only-read").get();
    expect((await system.ids(Thing)).sort()).toEqual(ids);
  });
});
