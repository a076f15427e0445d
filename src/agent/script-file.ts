/** Write, then execute: the job's script becomes a file, and the file is what runs. */
import type { Assignment } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import { readSecretsScript, shellQuoted } from "./secrets.ts";
import type { ShellKind } from "./shells.ts";

/**
 * Writes the script into the attempt's folder and returns its path. Whatever has to run before the
 * script stands on its first line, so that line 7 of an error message is line 7 of the pipeline's text.
 */
export async function writeScript(
  folder: AttemptFolder,
  assignment: Assignment,
  kind: ShellKind,
): Promise<string> {
  let header = kind.safetyHeader;
  const hasSecrets = Object.keys(assignment.secrets).length > 0;
  if (hasSecrets && kind.secretsAs === "shell-variables") {
    const reader = await folder.write("read-secrets.sh", readSecretsScript);
    header += `. ${shellQuoted(reader)}; `;
  }
  return folder.write(kind.scriptName, header + assignment.script);
}
