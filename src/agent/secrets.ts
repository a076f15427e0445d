/**
 * How secret values get into a job: through its standard input, before its script begins. They are
 * in no argument, no environment block and no file. (A script may export one: then it is in the
 * environment of what that script starts, as its author decided.)
 */
import { agentLimits } from "./limits.ts";
import { shellQuoted } from "./shell-quoted.ts";
import type { ShellKind } from "./shells.ts";

export type Secrets = Readonly<Record<string, string>>;

/** Setting these would change how the shell itself works. */
const reservedNames = ["PATH", "HOME", "IFS", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/** Why these secrets cannot be handed to a job; undefined if they can. Never quotes a value. */
export function secretsProblem(secrets: Secrets, kind: ShellKind): string | undefined {
  let bytes = 0;
  for (const [name, value] of Object.entries(secrets)) {
    bytes += Buffer.byteLength(value);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      return `the secret's name ${JSON.stringify(name)} is no variable name: use letters, digits and _`;
    }
    if (name.startsWith("TROUPE_") || reservedNames.includes(name)) {
      return `a secret must not be called ${name}: choose another variable name`;
    }
    if (kind.secretsAs === "shell-variables" && value.includes("\0")) {
      return `the secret ${name} holds a NUL byte, which no shell variable can: encode it`;
    }
  }
  if (bytes <= agentLimits.secretsBytesMax) return undefined;
  return `the secrets take ${bytes} bytes, the most is ${agentLimits.secretsBytesMax}`;
}

/**
 * What the job's standard input holds: its secrets, then what it is given to read. (In a shell the secrets
 * take all of it, and the rest comes from a file.) undefined = nothing, it is /dev/null.
 */
export function standardInput(
  { secrets, stdin }: { readonly secrets: Secrets; readonly stdin: string },
  kind: ShellKind,
): string | undefined {
  const entries = Object.entries(secrets);
  if (entries.length === 0) return stdin === "" ? undefined : stdin;
  if (kind.secretsAs === "json-line") return `${JSON.stringify(secrets)}\n${stdin}`;
  return entries.map(([name, value]) => `${name}=${shellQuoted(value)}\n`).join("");
}

/**
 * Reads assignments from standard input by the shell's own means, so that no other process sees
 * them, sets plain variables (not exported), and leaves the script `inputFile` as its standard input.
 */
export const readSecretsScript = (
  inputFile: string,
): string => `# Reads the job's secrets from standard input into plain shell variables.
troupe_secrets=
while IFS= read -r troupe_line; do
  troupe_secrets="$troupe_secrets$troupe_line
"
done
eval "$troupe_secrets"
unset troupe_secrets troupe_line
exec <${shellQuoted(inputFile)}
`;
