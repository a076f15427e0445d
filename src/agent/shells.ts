/** The shells a job may ask for, and where they are on this machine. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

export interface ShellKind {
  /** Programs that can run it, the preferred first. */
  readonly programs: readonly string[];
  readonly scriptName: string;
  /** Put before the script's first line, on that same line, so that line numbers in errors stay true. */
  readonly safetyHeader: string;
  /** How secrets are read: as variables of the shell itself, or by the script, as one line of JSON. */
  readonly secretsAs: "shell-variables" | "json-line";
  /** For the person whose agent lacks it. */
  readonly install: string;
}

const kinds: Readonly<Record<string, ShellKind>> = {
  sh: {
    programs: ["sh"],
    scriptName: "script.sh",
    safetyHeader: "set -eu; ",
    secretsAs: "shell-variables",
    install: "a POSIX shell",
  },
  bash: {
    programs: ["bash"],
    scriptName: "script.sh",
    safetyHeader: "set -euo pipefail; ",
    secretsAs: "shell-variables",
    install: "bash",
  },
  python: {
    programs: ["python3", "python"],
    scriptName: "script.py",
    safetyHeader: "",
    secretsAs: "json-line",
    install: "Python 3",
  },
  node: {
    programs: ["node"],
    scriptName: "script.js",
    safetyHeader: "",
    secretsAs: "json-line",
    install: "Node.js",
  },
};

export function shellKind(name: string): ShellKind | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name] : undefined;
}

export const shellNames: readonly string[] = Object.keys(kinds);

/** The absolute path of the first of these programs on `path`; undefined if there is none. */
export function findProgram(programs: readonly string[], path: string): string | undefined {
  for (const program of programs) {
    for (const folder of path.split(delimiter)) {
      const file = join(folder, program);
      if (isAbsolute(folder) && isExecutable(file)) return file;
    }
  }
  return undefined;
}

/** Shells that jobs can have on this machine, for the server's placement. */
export function installedShells(path: string): string[] {
  return shellNames.filter((name) => findProgram(kinds[name]?.programs ?? [], path) !== undefined);
}

function isExecutable(file: string): boolean {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
