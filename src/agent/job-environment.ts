/** A job's environment, made from nothing: the agent's own never gets in, but for a few harmless names. */
import type { Assignment, AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import { agentLimits } from "./limits.ts";

export type Environment = Record<string, string>;

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Handed on from the agent's environment: they say where a process belongs, and are no secret. */
const handedOn = ["TROUPE_SYSTEM_ID", "TROUPE_AGENT_NAME"];

export interface JobEnvironmentOptions {
  readonly assignment: Assignment;
  readonly attempt: AttemptRef;
  readonly folder: AttemptFolder;
  /** The value of TROUPE_ATTEMPT_ID, by which the job's processes are found again. */
  readonly mark: string;
  readonly agentEnvironment: NodeJS.ProcessEnv;
}

/** The holes of a script arrive as these (`${{ … }}` is never pasted into its text). */
const holePrefix = "TROUPE_IN_";

/** Later layers win: the base, the job's own, TROUPE_*. A variable with a secret's name is left out, or it would be exported. */
export function jobEnvironment(options: JobEnvironmentOptions): Environment {
  const { assignment, attempt, folder, mark, agentEnvironment } = options;
  const environment: Environment = {
    PATH: agentEnvironment["PATH"] ?? defaultPath,
    HOME: agentEnvironment["HOME"] ?? folder.path,
    LANG: agentEnvironment["LANG"] ?? "C.UTF-8",
    TMPDIR: folder.temporary,
    CI: "true",
    // Otherwise Python holds back what it prints, and the two streams lose their order.
    PYTHONUNBUFFERED: "1",
    ...assignment.env,
  };
  if (assignment.traceparent !== "") environment["TRACEPARENT"] = assignment.traceparent;
  for (const name of Object.keys(environment)) {
    const reserved = name.startsWith("TROUPE_") && !name.startsWith(holePrefix);
    if (reserved || Object.hasOwn(assignment.secrets, name)) {
      delete environment[name];
    }
  }
  for (const name of handedOn) {
    const value = agentEnvironment[name];
    if (value !== undefined) environment[name] = value;
  }
  return {
    ...environment,
    TROUPE_RUN_ID: attempt.runId,
    TROUPE_JOB: attempt.job,
    TROUPE_ATTEMPT: String(attempt.attempt),
    TROUPE_PIPELINE: assignment.pipeline,
    TROUPE_OUTPUT: folder.outputsFile,
    TROUPE_STEP_SUMMARY: folder.summaryFile,
    TROUPE_WORKSPACE: folder.workspace,
    TROUPE_ATTEMPT_ID: mark,
  };
}

/** A name or value that no process can be started with; undefined if all is well. */
export function environmentProblem(environment: Environment): string | undefined {
  let total = 0;
  for (const [name, value] of Object.entries(environment)) {
    if (name === "" || /[=\0]/.test(name)) {
      return `${JSON.stringify(name)} cannot be the name of an environment variable`;
    }
    if (value.includes("\0")) return `the environment variable ${name} holds a NUL byte`;
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 1;
    if (bytes > agentLimits.environmentValueBytesMax)
      return tooLarge(`${name} takes ${bytes} bytes`);
    total += bytes + 1;
  }
  return total > agentLimits.environmentBytesMax ? tooLarge(`it takes ${total} bytes`) : undefined;
}

function tooLarge(what: string): string {
  return `the job's environment is too large (${what}): pass long values through files`;
}
