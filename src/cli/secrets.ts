/** Secrets for a server started by the CLI: values from the environment or a file, never from argv. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import type { CliContext } from "./cli-context.ts";
import { UsageError } from "./usage-error.ts";

export interface SecretOptions {
  readonly secret?: readonly string[];
  readonly secretsFile?: string;
}

/** Throws a `UsageError` for a name without a value. */
export async function readSecrets(
  context: CliContext,
  options: SecretOptions,
): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  if (options.secretsFile !== undefined) {
    const path = resolve(context.cwd, options.secretsFile);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(
        `--secrets-file "${options.secretsFile}" cannot be read: ${error.message}`,
      );
    });
    for (const [name, value] of Object.entries(parseEnv(text))) {
      if (value !== undefined) secrets.set(name, value);
    }
  }
  for (const name of options.secret ?? []) {
    if (name.includes("=")) {
      throw new UsageError(
        "--secret takes a name only, so that no value stands in the process list; put the value in the environment",
      );
    }
    const value = context.env[name];
    if (value === undefined) {
      throw new UsageError(`--secret ${name}: there is no environment variable of that name`);
    }
    secrets.set(name, value);
  }
  return secrets;
}
