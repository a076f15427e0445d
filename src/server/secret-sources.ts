/**
 * Where the values of secrets come from. A run stores names only; a value is asked for when an
 * attempt is handed to an agent, sent over the agent's session, and dropped.
 */
import type { SecretSource } from "../actors/pipelines/index.ts";

/**
 * Secrets from environment variables: `NPM_TOKEN` is read from `TROUPE_SECRET_NPM_TOKEN`.
 * The prefix keeps a pipeline from reading whatever else the server's environment holds.
 */
export function environmentSecretSource(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SecretSource {
  return { resolve: async (name) => environment[`TROUPE_SECRET_${name}`] };
}

/** Secrets from a map that the caller holds; for embedding and for tests. */
export function mapSecretSource(
  secrets: ReadonlyMap<string, string> | Readonly<Record<string, string>>,
): SecretSource {
  const values = secrets instanceof Map ? secrets : new Map(Object.entries(secrets));
  return { resolve: async (name) => values.get(name) };
}

/** Asks each source in turn; the first that has the secret answers. */
export function chainSecretSources(...sources: readonly SecretSource[]): SecretSource {
  return {
    resolve: async (name, context) => {
      for (const source of sources) {
        const value = await source.resolve(name, context);
        if (value !== undefined) return value;
      }
      return undefined;
    },
  };
}
