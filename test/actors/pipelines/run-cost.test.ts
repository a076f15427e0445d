/** What an event of a large run touches, counted instead of timed: what is shared was not copied. */
import { describe, expect, it } from "vitest";
import {
  applyRunEvent,
  decide,
  newRun,
  type Run,
  type RunInput,
  type RunState,
} from "../../../src/actors/pipelines/index.ts";
import { job, pipeline } from "./definitions.ts";

const report = { attempt: 1, workerId: "w" };
const result = { outcome: "succeeded" as const, outputs: {}, reason: "" };

/** The run after its creation, with everything queued that can be. */
function created(size: number): Run {
  const jobs = Array.from({ length: size }, (_, i) =>
    job(`j${i}`, i < 10 ? {} : { needs: [`j${i - 10}`] }),
  );
  let state: RunState = newRun;
  const definition = pipeline(jobs);
  let input: RunInput = { type: "create", runId: "r", definition, parameters: {}, priority: 0 };
  for (let more = true; more; input = { type: "advance" }) {
    const decision = decide(state, input, 0);
    state = decision.events.reduce(applyRunEvent, state);
    ({ more } = decision);
  }
  return state as Run;
}

function copied(before: readonly (readonly unknown[])[], after: readonly (readonly unknown[])[]) {
  return after.filter((chunk, index) => chunk !== before[index]).length;
}

describe("the cost of an event", () => {
  it.each([2_000, 20_000])("does not grow with the run: %i jobs", (size) => {
    let run = created(size);
    for (const input of [
      { type: "prepare", job: "j0", ...report },
      { type: "started", job: "j0", ...report },
      { type: "finished", job: "j0", ...report, result },
    ] satisfies RunInput[]) {
      for (const event of decide(run, input, 0).events) {
        const after = applyRunEvent(run, event) as Run;
        // The job itself and its one dependent.
        expect(copied(run.jobs.chunks, after.jobs.chunks)).toBeLessThanOrEqual(2);
        expect(copied(run.ready, after.ready)).toBeLessThanOrEqual(1);
        expect(after.doomed).toBe(run.doomed);
        expect(after.definition).toBe(run.definition);
        run = after;
      }
    }
  });

  it("grows with the dependents of the job that ends, once per chunk of them", () => {
    const star = [
      job("hub"),
      ...Array.from({ length: 5_000 }, (_, i) => job(`leaf${i}`, { needs: ["hub"] })),
    ];
    let state: RunState = newRun;
    const take = (input: RunInput): void => {
      const { events } = decide(state, input, 0);
      const finished = events.find(({ type }) => type === "jobFinished");
      if (finished !== undefined) {
        const after = applyRunEvent(state, finished) as Run;
        const { chunks } = after.jobs;
        expect(copied((state as Run).jobs.chunks, chunks)).toBe(chunks.length);
      }
      state = events.reduce(applyRunEvent, state);
    };
    take({ type: "create", runId: "r", definition: pipeline(star), parameters: {}, priority: 0 });
    take({ type: "prepare", job: "hub", ...report });
    take({ type: "finished", job: "hub", ...report, result });
    expect((state as Run).inProgress).toBe(1_000);
  });
});
