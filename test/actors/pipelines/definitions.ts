/** Definitions for tests: what matters is said, the rest is as by default. */
import fc from "fast-check";
import type {
  JobDefinition,
  PipelineDefinition,
} from "../../../src/actors/pipelines/pipeline-definition.ts";

export function job(name: string, options: Partial<JobDefinition> = {}): JobDefinition {
  return {
    name,
    needs: [],
    finally: false,
    shell: "sh",
    script: "true",
    env: {},
    secrets: {},
    outputs: [],
    labels: {},
    killGraceMs: 10_000,
    retry: { attemptsMax: 1, initialDelayMs: 1_000, factor: 2, delayMaxMs: 60_000 },
    continueOnError: false,
    priority: 0,
    ...options,
  };
}

export function pipeline(
  jobs: readonly JobDefinition[],
  options: Partial<PipelineDefinition> = {},
): PipelineDefinition {
  return { name: "test", parameters: [], jobs, outputs: {}, failFast: false, ...options };
}

/** Any acyclic pipeline, in any order of its jobs. */
export function anyPipeline(
  options: { readonly failFast?: fc.Arbitrary<boolean>; readonly jobsMax?: number } = {},
): fc.Arbitrary<PipelineDefinition> {
  const jobs = fc
    .array(anyJob(), { minLength: 1, maxLength: options.jobsMax ?? 10 })
    .map((drafts) => drafts.map((draft, index) => resolve(draft, index, drafts)))
    .filter((jobs) => jobs.some((each) => !each.finally))
    .chain((jobs) => fc.shuffledSubarray(jobs, { minLength: jobs.length }));
  return fc
    .record({
      jobs,
      parallelMax: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
      failFast: options.failFast ?? fc.constant(false),
    })
    .map(({ jobs, parallelMax, failFast }) =>
      pipeline(jobs, { failFast, ...(parallelMax === undefined ? {} : { parallelMax }) }),
    );
}

interface JobDraft {
  readonly needs: readonly number[];
  readonly isFinally: boolean;
  readonly continueOnError: boolean;
  readonly attemptsMax: number;
  readonly priority: number;
}

function anyJob(): fc.Arbitrary<JobDraft> {
  return fc.record({
    needs: fc.array(fc.nat(), { maxLength: 3 }),
    isFinally: fc.nat(4).map((n) => n === 0),
    continueOnError: fc.nat(4).map((n) => n === 0),
    attemptsMax: fc.integer({ min: 1, max: 3 }),
    priority: fc.integer({ min: -2, max: 2 }),
  });
}

/** Needs lead to earlier jobs of the same phase only. */
function resolve(draft: JobDraft, index: number, drafts: readonly JobDraft[]): JobDefinition {
  const { isFinally, continueOnError, attemptsMax, priority } = draft;
  const earlier = drafts
    .slice(0, index)
    .flatMap((each, at) => (each.isFinally === isFinally ? [at] : []));
  const needs = new Set(
    earlier.length === 0 ? [] : draft.needs.map((need) => `j${earlier[need % earlier.length]}`),
  );
  return job(`j${index}`, {
    needs: [...needs],
    finally: isFinally,
    continueOnError,
    priority,
    retry: { attemptsMax, initialDelayMs: 1_000, factor: 2, delayMaxMs: 60_000 },
  });
}
