import { describe, expect, test } from "vitest";
import {
  freeSlots,
  isOpen,
  liveAttempts,
  newWorker,
  reconcile,
  type WorkerState,
  workerEvents,
} from "../../../src/actors/workers/worker-state.ts";

const attempt = (job: string) => ({ runId: "r", job, attempt: 1 });
const registration = { agentName: "box", version: "1", bootId: "boot-1", labels: {}, slots: 2 };

const registered = workerEvents.registered(newWorker, registration);
const holding = (...jobs: string[]): WorkerState =>
  jobs.reduce((state, job) => workerEvents.assigned(state, { attempt: attempt(job) }), registered);
const jobs = (attempts: readonly { job: string }[]) => attempts.map(({ job }) => job);

describe("what a worker holds", () => {
  test("takes a slot from its assignment to its release", () => {
    const busy = holding("a", "b");
    expect([busy.status, freeSlots(busy)]).toEqual(["busy", 0]);
    const less = workerEvents.released(busy, { attempt: attempt("a"), reason: "finished" });
    expect([less.status, freeSlots(less), jobs(liveAttempts(less))]).toEqual(["busy", 1, ["b"]]);
    const idle = workerEvents.released(less, { attempt: attempt("b"), reason: "finished" });
    expect([idle.status, idle.held]).toEqual(["idle", []]);
  });

  test("is lost with the lease, and stays until its owner has answered", () => {
    const lost = workerEvents.leaseEnded(holding("a"));
    expect(lost.status).toBe("lost");
    expect(liveAttempts(lost)).toEqual([]);
    expect(lost.held).toMatchObject([{ lost: expect.stringContaining("lease") }]);
    expect(isOpen(lost)).toBe(true);
    const told = workerEvents.released(lost, { attempt: attempt("a"), reason: "told" });
    expect([told.status, isOpen(told)]).toEqual(["lost", false]);
  });

  test("is lost with the process of its agent, and takes no slot then", () => {
    const anew = workerEvents.registered(holding("a"), { ...registration, bootId: "boot-2" });
    expect(anew.held).toMatchObject([{ lost: expect.stringContaining("anew") }]);
    expect(freeSlots(anew)).toBe(2);
  });

  test("that ended before its agent was started anew is live until its result is told", () => {
    const kept = [attempt("b"), attempt("stranger")];
    const anew = workerEvents.registered(holding("a", "b"), {
      ...registration,
      bootId: "boot-2",
      kept,
    });
    expect(jobs(liveAttempts(anew))).toEqual(["b"]);
    expect(freeSlots(anew)).toBe(1);
    expect(reconcile(anew, kept)).toMatchObject({
      resumed: [attempt("b")],
      undelivered: [],
      disowned: [attempt("stranger")],
    });
    const lost = workerEvents.registered(workerEvents.leaseEnded(holding("b")), {
      ...registration,
      bootId: "boot-2",
      kept,
    });
    expect(liveAttempts(lost)).toEqual([]);
  });

  test("stays lost when the same process comes back after its lease", () => {
    const back = workerEvents.registered(workerEvents.leaseEnded(holding("a")), registration);
    expect(liveAttempts(back)).toEqual([]);
    const { disowned } = reconcile(back, [attempt("a")]);
    expect(jobs(disowned)).toEqual(["a"]);
  });
});

test("a hello sorts attempts into resumed, undelivered and disowned", () => {
  const found = reconcile(holding("a", "b"), [attempt("b"), attempt("stranger")]);
  expect(jobs(found.resumed)).toEqual(["b"]);
  expect(jobs(found.undelivered)).toEqual(["a"]);
  expect(jobs(found.disowned)).toEqual(["stranger"]);
});
