/** What a run's templates read: parameters, other jobs' outputs and conclusions, the run itself. */

import type {
  JobLimits,
  PreparedAttempt,
  PreparedCache,
  PreparedCacheKey,
} from "../workers/index.ts";
import { onDisconnectOf } from "./definition-defaults.ts";
import type {
  CacheDefinition,
  CheckoutDefinition,
  JobDefinition,
  OnDisconnect,
  Shell,
  Template,
} from "./pipeline-definition.ts";
import { jobDefinitionAt, planOf } from "./run-plan.ts";
import { conclusionOf, isEnded, jobNamed, type Run, type RunState } from "./run-state.ts";
import { fillAllButAgents, fillTemplate, fillTemplates, type TemplateValues } from "./template.ts";

export function runValues(run: Run): TemplateValues {
  const endedJob = (name: string) => {
    const job = jobNamed(run, name);
    return job !== undefined && isEnded(job) ? job : undefined;
  };
  return {
    parameter: (name) => ownValue(run.parameters, name),
    output: (job, name) => ownValue(endedJob(job)?.outputs ?? {}, name),
    conclusion: (job) => endedJob(job)?.status ?? "",
    run: (field) => {
      if (field === "id") return run.runId;
      return field === "pipeline" ? run.definition.name : conclusionOf(run);
    },
  };
}

function ownValue(values: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(values, name) ? (values[name] ?? "") : "";
}

/** A checkout, its templates filled; the token still goes by name. */
export interface CheckoutInstructions extends Omit<CheckoutDefinition, "repository" | "ref"> {
  readonly repository: string;
  /** Empty = what the repository's HEAD names. */
  readonly ref: string;
}

/** What an agent needs to run a job, templates filled; secrets still go by name. */
export interface JobInstructions {
  readonly pipeline: string;
  readonly script: string;
  readonly shell: Shell;
  readonly env: Readonly<Record<string, string>>;
  /** Variable name → name of the secret. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly outputs: readonly string[];
  readonly timeoutMs?: number;
  readonly killGraceMs: number;
  readonly workingDirectory?: string;
  readonly limits?: JobLimits;
  readonly onDisconnect: OnDisconnect;
  readonly checkout?: CheckoutInstructions;
  readonly caches?: readonly PreparedCache[];
  readonly inputs: NonNullable<PreparedAttempt["inputs"]>;
  readonly artifacts?: readonly string[];
  readonly stdin?: string;
}

/** undefined = no such job. */
export function instructionsOf(state: RunState, name: string): JobInstructions | undefined {
  if (state.status === "new") return undefined;
  const { definition } = state;
  const index = planOf(definition).graph.indexByName.get(name);
  if (index === undefined) return undefined;
  const job: JobDefinition = jobDefinitionAt(definition, index);
  return {
    pipeline: definition.name,
    script: job.script,
    shell: job.shell,
    env: fillTemplates(job.env, runValues(state)),
    secrets: job.secrets,
    outputs: job.outputs,
    killGraceMs: job.killGraceMs,
    onDisconnect: onDisconnectOf(definition, job),
    ...(job.timeoutMs === undefined ? {} : { timeoutMs: job.timeoutMs }),
    ...(job.workingDirectory === undefined ? {} : { workingDirectory: job.workingDirectory }),
    ...(job.limits === undefined ? {} : { limits: job.limits }),
    ...(job.checkout === undefined ? {} : { checkout: checkoutOf(state, job, job.checkout) }),
    ...(job.caches === undefined ? {} : { caches: cachesOf(state, job.caches) }),
    inputs: inputsOf(state, job),
    ...(job.artifacts === undefined ? {} : { artifacts: job.artifacts }),
    ...(job.stdin === undefined ? {} : { stdin: fillTemplate(job.stdin, runValues(state)) }),
  };
}

/** A later attempt gets the commit that an earlier one had, whatever the branch has become. */
function checkoutOf(
  run: Run,
  { name }: JobDefinition,
  { repository, ref, ...same }: CheckoutDefinition,
): CheckoutInstructions {
  const values = runValues(run);
  const job = jobNamed(run, name);
  const pinned = job === undefined || job.status === "waiting" ? undefined : job.commit;
  return {
    ...same,
    repository: fillTemplate(repository, values),
    ref: pinned ?? (ref === undefined ? "" : fillTemplate(ref, values)),
  };
}

/** The caches of a job, as far as the run knows their keys. */
export function cachesOf(run: Run, caches: readonly CacheDefinition[]): readonly PreparedCache[] {
  const values = runValues(run);
  const keyOf = (template: Template): PreparedCacheKey =>
    fillAllButAgents(template, values).map((part) => {
      if (typeof part === "string") return part;
      return part.ref === "agent" ? { agent: part.field } : { hashFiles: part.patterns };
    });
  return caches.map(({ key, restoreKeys, paths }) => ({
    key: keyOf(key),
    restoreKeys: restoreKeys.map(keyOf),
    paths,
  }));
}

/** What a job begins with: the workspace that came with the run, then what the jobs it needs have left, in their order. */
export function inputsOf(
  run: Run,
  { needs }: Pick<JobDefinition, "needs">,
): NonNullable<PreparedAttempt["inputs"]> {
  const left = needs.flatMap((need) => {
    const job = jobNamed(run, need);
    const artifacts = job !== undefined && isEnded(job) ? job.artifacts : undefined;
    return artifacts === undefined ? [] : [{ ...artifacts, what: `the artifacts of ${need}` }];
  });
  return run.workspace === undefined
    ? left
    : [{ ...run.workspace, what: "the uploaded workspace" }, ...left];
}
