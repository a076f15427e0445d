import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PipelineDefinition } from "../../../src/actors/pipelines/pipeline-definition.ts";
import { applyRunEvent, newRun } from "../../../src/actors/pipelines/run-fold.ts";
import { isEnded, jobNamed, type Run } from "../../../src/actors/pipelines/run-state.ts";
import { viewOf } from "../../../src/actors/pipelines/view-of-run.ts";
import { anyPipeline } from "./definitions.ts";
import { RunWorld, type WorldOptions } from "./run-world.ts";

type Outcome = ReturnType<WorldOptions["outcome"]>;

/** What each job would do: fails so many times, then succeeds. */
const anyFailures = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 10, maxLength: 10 });

const badOutcomes: readonly Outcome[] = ["failed", "timed-out", "error"];

function outcomeOf(failuresByJob: readonly number[]): WorldOptions["outcome"] {
  return (job, failures) => {
    const index = Number(job.slice(1));
    const wanted = failuresByJob[index] ?? 0;
    return failures < wanted ? (badOutcomes[(index + failures) % 3] ?? "failed") : "succeeded";
  };
}

/** The same answer by definition, without any machine: job after job, in the order of the graph. */
function expectedStatuses(
  definition: PipelineDefinition,
  failuresByJob: readonly number[],
): Record<string, string> {
  const statuses: Record<string, string> = {};
  const statusOf = (name: string): string => {
    const known = statuses[name];
    if (known !== undefined) return known;
    const job = definition.jobs.find((each) => each.name === name);
    if (job === undefined) throw new Error(name);
    const well = job.needs.every((need) => {
      const continues = definition.jobs.find((each) => each.name === need)?.continueOnError;
      const status = statusOf(need);
      return status === "succeeded" || (status === "failed" && continues === true);
    });
    const failures = failuresByJob[Number(name.slice(1))] ?? 0;
    const status = !well ? "skipped" : failures < job.retry.attemptsMax ? "succeeded" : "failed";
    statuses[name] = status;
    return status;
  };
  for (const { name } of definition.jobs) statusOf(name);
  return statuses;
}

function statusesOf(run: Run): Record<string, string> {
  return Object.fromEntries(
    run.definition.jobs.map(({ name }) => [name, jobNamed(run, name)?.status ?? ""]),
  );
}

function expectSoundEnd(run: Run): void {
  for (const { name } of run.definition.jobs) {
    const job = jobNamed(run, name);
    expect(job !== undefined && isEnded(job), `${name} is ${job?.status}`).toBe(true);
  }
  const failed = run.definition.jobs.some(
    ({ name, continueOnError }) => !continueOnError && jobNamed(run, name)?.status === "failed",
  );
  const cancelled = run.stop !== undefined && run.stop.cause !== "fail-fast";
  expect(run.status).toBe(failed ? "failed" : cancelled ? "cancelled" : "succeeded");
  expect(run).toMatchObject({ ordinaryLeft: 0, finallyLeft: 0, inProgress: 0, retries: [] });
  const summary = viewOf(run).summary;
  expect(summary.jobsFinished).toBe(summary.jobsTotal);
}

describe("runs", () => {
  it("end as their graph and their outcomes say, whatever the order of things", () => {
    fc.assert(
      fc.property(anyPipeline(), anyFailures, fc.integer(), (definition, failures, seed) => {
        const world = new RunWorld({ seed, outcome: outcomeOf(failures) });
        world.create(definition);
        const run = world.toTheEnd();
        expect(statusesOf(run)).toEqual(expectedStatuses(definition, failures));
        expectSoundEnd(run);
      }),
      { numRuns: 2_000 },
    );
  });

  it("end the same when they crash at any event boundary, and agents are lost", () => {
    let crashes = 0;
    fc.assert(
      fc.property(anyPipeline(), anyFailures, fc.integer(), (definition, failures, seed) => {
        const world = new RunWorld({
          seed,
          outcome: outcomeOf(failures),
          crashes: 0.25,
          losses: 0.03,
        });
        world.create(definition);
        const run = world.toTheEnd();
        // More losses of one job than are allowed fail it: rare, and not what is compared here.
        fc.pre(
          !world.events.some(({ type, data }) => type === "jobFinished" && data.outcome === "lost"),
        );
        expect(statusesOf(run)).toEqual(expectedStatuses(definition, failures));
        expectSoundEnd(run);
        crashes += world.crashCount;
      }),
      { numRuns: 3_000 },
    );
    expect(crashes).toBeGreaterThan(10_000);
  });

  it("end soundly when they are cancelled, forced, fail fast, crash and lose agents", () => {
    fc.assert(
      fc.property(
        anyPipeline({ failFast: fc.boolean() }),
        anyFailures,
        fc.integer(),
        (definition, failures, seed) => {
          const world = new RunWorld({
            seed,
            outcome: outcomeOf(failures),
            crashes: 0.1,
            losses: 0.1,
            cancels: 0.03,
          });
          world.create(definition);
          const run = world.toTheEnd();
          expectSoundEnd(run);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("are what their events say: folding them again gives the same state", () => {
    fc.assert(
      fc.property(anyPipeline(), anyFailures, fc.integer(), (definition, failures, seed) => {
        const world = new RunWorld({ seed, outcome: outcomeOf(failures), losses: 0.1 });
        world.create(definition);
        const run = world.toTheEnd();
        const stored = JSON.parse(JSON.stringify(world.events)) as typeof world.events;
        expect(stored.reduce(applyRunEvent, newRun)).toEqual(run);
      }),
      { numRuns: 200 },
    );
  });

  it("change nothing in place: every earlier state stays as it was", () => {
    fc.assert(
      fc.property(anyPipeline(), anyFailures, fc.integer(), (definition, failures, seed) => {
        const world = new RunWorld({ seed, outcome: outcomeOf(failures) });
        world.create(definition);
        world.toTheEnd();
        let state = newRun;
        const copies = world.events.map((event) => {
          state = applyRunEvent(state, event);
          return { state, copy: JSON.stringify(state) };
        });
        for (const { state: earlier, copy } of copies) expect(JSON.stringify(earlier)).toBe(copy);
      }),
      { numRuns: 100 },
    );
  });
});
