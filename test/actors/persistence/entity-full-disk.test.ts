/** A journal without room: who asks is told why at once, and nothing is lost. */
import { expect, it } from "vitest";
import { isTroupeError, TroupeError } from "../../../src/actors/kernel/index.ts";
import type { Journal } from "../../../src/actors/persistence/index.ts";
import { memoryJournal } from "../../../src/actors/persistence/journals/memory/index.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { definePersistentActor } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { armedTimers, failureOf, settle, start } from "./entity-fixture.ts";

const Counter = definePersistentActor("counter", { initialState: () => ({ n: 0 }) })
  .events({ added: ({ n }, by: number) => ({ n: n + by }) })
  .commands({
    add: (counter, by: number) => {
      counter.persist("added", by);
      return counter.state.n;
    },
    get: (counter) => counter.state.n,
  });

/** A journal that has no room while `isFull()`. */
function crowded(isFull: () => boolean): Journal {
  const inner = memoryJournal({ shards: 1 });
  const cause = (): TroupeError =>
    new TroupeError("TROUPE_JOURNAL_FULL", { journal: "it", reason: "no space left" });
  return {
    journalId: inner.journalId,
    shards: inner.shards,
    recordBytesMax: inner.recordBytesMax,
    tail: (shard) => inner.tail(shard),
    read: (shard, from, bytesMax) => inner.read(shard, from, bytesMax),
    readAt: (shard, at) => inner.readAt(shard, at),
    cut: (shard, before) => inner.cut(shard, before),
    close: () => inner.close(),
    append: (requests) =>
      isFull()
        ? Promise.resolve(requests.map(() => ({ outcome: "refused", cause: cause() })))
        : inner.append(requests),
  };
}

/** Lets time go by until the promise has an outcome. */
async function inTime<T>(clock: ManualClock, outcome: Promise<T>): Promise<T> {
  let isThere = false;
  void outcome.then(() => (isThere = true));
  await waitUntil("it has an outcome", async () => {
    clock.advance(50);
    await settle();
    return isThere;
  });
  return outcome;
}

it("a stop leaves no try for later", async () => {
  const clock = new ManualClock();
  const armed = armedTimers(clock);
  let isFull = false;
  const system = await start({ journal: crowded(() => isFull), clock });
  const counter = system.actor(Counter, "a");
  await counter.add(3);
  isFull = true;
  await failureOf(counter.add(1));
  for (let tries = 0; tries < 5; tries++) await inTime(clock, failureOf(counter.add(1)));
  await inTime(clock, system.stop());
  expect(armed.size).toBe(0);
});

it("commands and reads fail by name while there is no room, and go on when there is", async () => {
  const clock = new ManualClock();
  let isFull = false;
  const system = await start({ journal: crowded(() => isFull), clock });
  const counter = system.actor(Counter, "a");
  expect(await counter.add(3)).toBe(3);

  isFull = true;
  const first = await failureOf(counter.add(1));
  expect(isTroupeError(first, "TROUPE_JOURNAL_REFUSED")).toBe(true);
  // Within less than a call would wait for its answer.
  for (const call of [() => counter.get(), () => counter.add(1), () => counter.get()]) {
    const startMs = clock.monotonicMs();
    const error = await inTime(clock, failureOf(call()));
    expect(clock.monotonicMs() - startMs).toBeLessThan(3_000);
    expect(String(error)).toContain("no space left");
    expect(isTroupeError(error, "TROUPE_ASK_TIMEOUT")).toBe(false);
  }

  isFull = false;
  const again = await waitUntil("it serves again", async () => {
    clock.advance(250);
    return counter.add(1).catch(() => undefined);
  });
  expect(again).toBe(4);
});
