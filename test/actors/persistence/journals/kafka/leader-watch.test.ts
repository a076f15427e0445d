import { expect, test } from "vitest";
import type { ClusterView } from "../../../../../src/actors/persistence/journals/kafka/cluster-view.ts";
import { LeaderWatch } from "../../../../../src/actors/persistence/journals/kafka/leader-watch.ts";
import { ManualClock } from "../../../../../src/actors/testing/index.ts";

/** Partition 0 is led by node 1, partition 1 by node 2. */
const view: ClusterView = {
  addresses: new Map(),
  partitions: [1, 2].map((leader) => ({ leader, replicas: [1, 2, 3] })),
};

/** In small steps, so that what waits for a promise goes on in between. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    clock.advance(Math.min(50, left));
    await new Promise(setImmediate);
  }
}

function watched(answerAfterMs = 0) {
  const clock = new ManualClock();
  const asked: number[] = [];
  const deposed: ClusterView[] = [];
  const watch = new LeaderWatch({
    clock,
    viewWithout: (node) => {
      asked.push(node);
      return new Promise<{ view: ClusterView }>((resolve) => {
        clock.setTimer(answerAfterMs, () => resolve({ view }));
      });
    },
    deposed: (sighting) => deposed.push(sighting.view),
    failed: (error) => {
      throw error;
    },
  });
  return { clock, asked, deposed, watch };
}

test("a request whose leader was deposed is given up, one whose leader is only slow is not", async () => {
  const { clock, deposed, watch } = watched();
  const given: string[] = [];
  watch.begin({ node: 1, partitions: [0] }, () => given.push("right leader"));
  watch.begin({ node: 1, partitions: [0, 1] }, (error) => given.push(error.message));
  await pass(clock, 300);
  expect(given).toEqual([expect.stringContaining("node 1 leads no longer")]);
  expect(deposed).toContain(view);
});

test("however many requests wait, each node is asked after once a round, and rounds leave time", async () => {
  const { clock, asked, watch } = watched(1_000);
  const all = Array.from({ length: 100 }, (_, at) =>
    watch.begin({ node: 1 + (at % 2), partitions: [at % 2] }, () => {}),
  );
  await pass(clock, 250);
  expect(asked.toSorted()).toEqual([1, 2]);
  // A second for the answers, and one of pause.
  await pass(clock, 1_900);
  expect(asked).toHaveLength(2);
  await pass(clock, 200);
  expect(asked).toHaveLength(4);
  for (const one of all) one.end();
  await pass(clock, 10_000);
  expect(asked).toHaveLength(4);
  expect(clock.timers).toBe(0);
});

test("requests that are answered in time cause no question", async () => {
  const { clock, asked, watch } = watched();
  for (let time = 0; time < 20; time++) {
    const one = watch.begin({ node: 1, partitions: [1] }, () => {});
    await pass(clock, 200);
    one.end();
  }
  expect(asked).toEqual([]);
  expect(clock.timers).toBe(0);
});
