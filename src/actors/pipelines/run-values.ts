/** What a run's templates read: parameters, other jobs' outputs and conclusions, the run itself. */

import type { JobLimits } from "../workers/index.ts";
import { onDisconnectOf } from "./definition-defaults.ts";
import type { JobDefinition, OnDisconnect, Shell } from "./pipeline-definition.ts";
import { jobDefinitionAt, planOf } from "./run-plan.ts";
import { conclusionOf, isEnded, jobNamed, type Run, type RunState } from "./run-state.ts";
import { fillTemplates, type TemplateValues } from "./template.ts";

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
  };
}
