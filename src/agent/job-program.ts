/** What exactly is executed for an assignment: checked, written to disk, ready to spawn. */
import { stat } from "node:fs/promises";
import type { Assignment, AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import { type Environment, environmentProblem, jobEnvironment } from "./job-environment.ts";
import { launchFile } from "./launch-file.ts";
import { scriptFiles } from "./script-file.ts";
import { secretsProblem, standardInput } from "./secrets.ts";
import { findProgram, type ShellKind, shellKind, shellNames } from "./shells.ts";

export interface JobProgram {
  /** Makes a ready process the job. */
  readonly launchFile: string;
  /** For standard input; undefined = /dev/null. */
  readonly input: string | undefined;
}

export interface JobProgramOptions {
  readonly assignment: Assignment;
  readonly folder: AttemptFolder;
  readonly mark: string;
  readonly agentEnvironment: NodeJS.ProcessEnv;
  /** Fills the workspace, which is empty until then. Resolves to variables that tell of it. */
  readonly prepareWorkspace: () => Promise<Environment>;
}

/** Why this assignment can never run on this agent: a sentence for its author or the agent's operator. */
export class JobProblem extends Error {}

/** Makes the attempt's folder, too. Throws `JobProblem`, or the disk's own error. */
export async function jobProgram(options: JobProgramOptions): Promise<JobProgram> {
  const { assignment, folder, mark, agentEnvironment } = options;
  const kind = shellKind(assignment.shell);
  if (kind === undefined) {
    throw new JobProblem(
      `the shell ${JSON.stringify(assignment.shell)} is not known here: use ${shellNames.join(", ")}`,
    );
  }
  const attempt = assignment.attempt as AttemptRef;
  const environment = jobEnvironment({ assignment, attempt, folder, mark, agentEnvironment });
  refuse(secretsProblem(assignment.secrets, kind));
  refuse(environmentProblem(environment));
  const program = locate(assignment.shell, kind, environment["PATH"] ?? "");
  const files = scriptFiles(folder, assignment, kind);
  const workingDirectory = folder.workingDirectory(assignment.workingDirectory);
  const input = standardInput(assignment, kind);
  await folder.create(files);
  const more = await options.prepareWorkspace();
  if (workingDirectory !== folder.workspace) refuse(await directoryProblem(workingDirectory));
  const launch = launchFile({
    program,
    script: folder.file(files[0].name),
    environment: { ...environment, ...more },
    workingDirectory,
    hasInput: input !== undefined,
    path: agentEnvironment["PATH"] ?? "",
  });
  folder.add([launch]);
  return { launchFile: launch.name, input };
}

function refuse(problem: string | undefined): void {
  if (problem !== undefined) throw new JobProblem(problem);
}

function locate(shell: string, kind: ShellKind, path: string): string {
  const program = findProgram(kind.programs, path);
  if (program !== undefined) return program;
  // The agent runs on Node.js, so there is always one.
  if (shell === "node") return process.execPath;
  throw new JobProblem(
    `${kind.programs.join(" or ")} was not found in PATH (${path}): install ${kind.install} on this agent, or choose another shell`,
  );
}

async function directoryProblem(directory: string): Promise<string | undefined> {
  try {
    const found = await stat(directory);
    return found.isDirectory()
      ? undefined
      : `the working directory ${directory} is not a directory`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const what = code === "ENOENT" ? "does not exist" : `cannot be used (${code})`;
    return `the working directory ${directory} ${what} on this agent`;
  }
}
