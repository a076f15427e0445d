/** Write, then execute: the job's script becomes a file, and the file is what runs. */
import type { Assignment } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFile, AttemptFolder } from "./attempt-folder.ts";
import { readSecretsScript } from "./secrets.ts";
import { shellQuoted } from "./shell-quoted.ts";
import type { ShellKind } from "./shells.ts";

const readerName = "read-secrets.sh";
const inputName = "stdin";

/**
 * The files that the job runs, the script itself first. Whatever has to run before the script stands
 * on its first line, so that line 7 of an error message is line 7 of the pipeline's text.
 */
export function scriptFiles(
  folder: AttemptFolder,
  assignment: Assignment,
  kind: ShellKind,
): [AttemptFile, ...AttemptFile[]] {
  const { script, secrets, stdin } = assignment;
  const name = kind.scriptName;
  if (Object.keys(secrets).length === 0 || kind.secretsAs !== "shell-variables") {
    return [{ name, text: kind.safetyHeader + script }];
  }
  const input: AttemptFile[] = stdin === "" ? [] : [{ name: inputName, text: stdin }];
  const inputFile = stdin === "" ? "/dev/null" : folder.file(inputName);
  const read = `. ${shellQuoted(folder.file(readerName))}; `;
  return [
    { name, text: kind.safetyHeader + read + script },
    { name: readerName, text: readSecretsScript(inputFile) },
    ...input,
  ];
}
