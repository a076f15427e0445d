import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JobQueue, type QueuedAttempt } from "../../../src/actors/scheduler/job-queue.ts";
import { type Labels, labelsKey, matches } from "../../../src/actors/scheduler/labels.ts";
import { Placement } from "../../../src/actors/scheduler/placement.ts";

/** The same rules without any structure: sort everything, look at everything. */
class NaiveScheduler {
  attempts: QueuedAttempt[] = [];
  readonly workers = new Map<string, { labels: Labels; slots: number; held: Set<string> }>();

  next(): { attempt: QueuedAttempt; workerId: string } | undefined {
    const inOrder = [...this.attempts].sort(
      (a, b) => b.priority - a.priority || a.sequence - b.sequence,
    );
    for (const attempt of inOrder) {
      const able = [...this.workers]
        .filter(([, w]) => w.held.size < w.slots && matches(attempt.labels, w.labels))
        .sort(
          ([idA, a], [idB, b]) =>
            a.held.size / a.slots - b.held.size / b.slots ||
            b.slots - b.held.size - (a.slots - a.held.size) ||
            (idA < idB ? -1 : 1),
        );
      const [workerId, worker] = able[0] ?? [];
      if (workerId === undefined || worker === undefined) continue;
      this.attempts = this.attempts.filter((other) => other !== attempt);
      worker.held.add(attempt.id);
      return { attempt, workerId };
    }
    return undefined;
  }
}

const labels = fc.dictionary(fc.constantFrom("os", "gpu"), fc.constantFrom("a", "b"), {
  maxKeys: 2,
});
const attemptName = fc.integer({ min: 0, max: 30 }).map((n) => `job-${n}`);
const workerName = fc.integer({ min: 0, max: 5 }).map((n) => `worker-${n}`);
const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("push" as const),
      id: attemptName,
      labels,
      priority: fc.integer({ min: -1, max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("withdraw" as const), id: attemptName }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("worker" as const),
      id: workerName,
      labels,
      slots: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gone" as const), id: workerName }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("next" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("free" as const), id: workerName, which: fc.nat(2) }),
  },
);

test("every decision is the one that sorting everything would give", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const queue = new JobQueue<QueuedAttempt>();
      const placement = new Placement(queue);
      const naive = new NaiveScheduler();
      let sequence = 0;
      for (const op of operations) {
        if (op.do === "push") {
          const attempt = { ...op, sequence: sequence++ };
          const fresh = !naive.attempts.some(({ id }) => id === op.id);
          expect(queue.push(attempt)).toBe(fresh);
          if (fresh) naive.attempts.push(attempt);
        } else if (op.do === "withdraw") {
          const known = naive.attempts.find(({ id }) => id === op.id);
          expect(queue.remove(op.id)).toBe(known);
          naive.attempts = naive.attempts.filter((attempt) => attempt !== known);
        } else if (op.do === "worker") {
          const held = new Set(naive.workers.get(op.id)?.held);
          naive.workers.set(op.id, { labels: op.labels, slots: op.slots, held });
          placement.setWorker({
            workerId: op.id,
            labels: op.labels,
            slots: op.slots,
            holding: held,
          });
        } else if (op.do === "gone") {
          naive.workers.delete(op.id);
          placement.removeWorker(op.id);
        } else if (op.do === "free") {
          const held = naive.workers.get(op.id)?.held ?? new Set<string>();
          const id = [...held][op.which];
          if (id === undefined) continue;
          held.delete(id);
          placement.giveBack(op.id, id);
        } else {
          expect(placement.next()).toEqual(naive.next());
        }
        expect(queue.size).toBe(naive.attempts.length);
      }
    }),
    { numRuns: 1_000 },
  );
});

describe("labels", () => {
  test("the key does not depend on the order, and no two label sets share one", () => {
    expect(labelsKey({ a: "1", b: "2" })).toBe(labelsKey({ b: "2", a: "1" }));
    expect(labelsKey({ a: '1","b":"2' })).not.toBe(labelsKey({ a: "1", b: "2" }));
  });

  test("a worker needs every label that is asked for, and may have more", () => {
    expect(matches({ os: "linux" }, { os: "linux", gpu: "a100" })).toBe(true);
    expect(matches({ os: "linux", gpu: "a100" }, { os: "linux" })).toBe(false);
    expect(matches({ constructor: "x" }, {})).toBe(false);
    expect(matches({}, {})).toBe(true);
  });
});

test("attempts that nobody can take cost a decision nothing", () => {
  const queue = new JobQueue<QueuedAttempt>();
  const placement = new Placement(queue);
  let looked = 0;
  const watched = (attempt: QueuedAttempt): QueuedAttempt =>
    new Proxy(attempt, {
      get: (target, name, receiver) => {
        if (name === "priority") looked++;
        return Reflect.get(target, name, receiver);
      },
    });
  for (let sequence = 0; sequence < 5_000; sequence++) {
    queue.push(watched({ id: `u${sequence}`, priority: 9, sequence, labels: { gpu: "none" } }));
  }
  placement.setWorker({ workerId: "w", labels: {}, slots: 10, holding: [] });
  for (let sequence = 5_000; sequence < 5_010; sequence++) {
    queue.push(watched({ id: `p${sequence}`, priority: 0, sequence, labels: {} }));
  }
  looked = 0;
  const placed = Array.from({ length: 10 }, () => placement.next()?.attempt.id);
  expect(placed).toEqual(Array.from({ length: 10 }, (_, index) => `p${5_000 + index}`));
  expect(looked).toBeLessThan(200);
});
