/** What a definition has where its author says nothing: the builder and the YAML reader agree by using this. */
import type {
  JobDefinition,
  OnDisconnect,
  PipelineDefinition,
  RetryPolicy,
  Shell,
  Submodules,
} from "./pipeline-definition.ts";

const retry: RetryPolicy = {
  attemptsMax: 1,
  initialDelayMs: 1_000,
  factor: 2,
  delayMaxMs: 60_000,
};

const shell: Shell = "sh";

const submodules: Submodules = "none";

export const definitionDefaults = {
  shell,
  killGraceMs: 10_000,
  retry,
  continueOnError: false,
  priority: 0,
  checkout: { depth: 1, submodules },
  failFast: false,
};

/** Two that must never run at once had better not run than run unwatched. */
export function onDisconnectOf(definition: PipelineDefinition, job: JobDefinition): OnDisconnect {
  if (job.onDisconnect !== undefined) return job.onDisconnect;
  const exclusive = job.concurrency !== undefined || definition.concurrency !== undefined;
  return exclusive ? "kill" : "continue";
}
