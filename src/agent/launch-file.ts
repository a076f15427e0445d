/** What makes a waiting shell the job: folder, environment, program. Read by any POSIX shell, once. */
import type { AttemptFile } from "./attempt-folder.ts";
import type { Environment } from "./job-environment.ts";
import { shellQuoted } from "./shell-quoted.ts";
import { findProgram } from "./shells.ts";

export interface Launch {
  readonly program: string;
  readonly script: string;
  readonly environment: Environment;
  readonly workingDirectory: string;
  /** Is there anything for its standard input? Else it is /dev/null. */
  readonly hasInput: boolean;
  /** Of the file, for one that is not the job's own. */
  readonly name?: string;
  /** Where `env` is, for names that are none of a shell's. */
  readonly path: string;
}

export const launchFileName = "launch.sh";

/** Names that some shell does not let itself be told. */
const readOnly = new Set(["PPID", "UID", "EUID", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "_"]);

export function launchFile(launch: Launch): AttemptFile {
  const { program, script, environment, workingDirectory, hasInput, path } = launch;
  const { name = launchFileName } = launch;
  const entries = Object.entries(environment);
  const plain = entries.filter(([name]) => isPlain(name));
  const others = entries.filter(([name]) => !isPlain(name));
  const words = others.map(([name, value]) => shellQuoted(`${name}=${value}`));
  const env =
    words.length === 0 ? [] : [shellQuoted(findProgram(["env"], path) ?? "env"), ...words];
  const command = [...env, shellQuoted(program), shellQuoted(script)].join(" ");
  const lines = [
    `cd ${shellQuoted(workingDirectory)} || exit`,
    // The shell's own, which it would hand on; and what it says of a locale is none of the job's output.
    "unset PWD OLDPWD; exec 3>&2 2>/dev/null",
    ...plain.map(([name, value]) => `export ${name}=${shellQuoted(value)}`),
    `exec ${command} 2>&3 3>&-${hasInput ? "" : " </dev/null"}`,
  ];
  return { name, text: `${lines.join("\n")}\n` };
}

function isPlain(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !readOnly.has(name);
}
