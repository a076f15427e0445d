/** The definitions whose events can be folded into states here: the built-in ones, and those of a user's module. */
import { resolve } from "node:path";
import type { AnyPersistentActorDefinition } from "../../../actors/persistence/index.ts";
import { definePipelineRun } from "../../../actors/pipelines/index.ts";
import { defineWorker } from "../../../actors/workers/index.ts";
import { identityDefinitions } from "../../../server/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { importModule, isModule } from "../../module-file.ts";
import { UsageError } from "../../usage-error.ts";

const nothing = (): void => {};

export async function knownDefinitions(
  context: CliContext,
  module: string | undefined,
): Promise<readonly AnyPersistentActorDefinition[]> {
  const outlet = { committed: nothing, goOn: nothing, stands: nothing, shown: nothing };
  const jobs = [definePipelineRun(outlet), defineWorker({ stands: nothing })];
  const builtIn = [...jobs, ...identityDefinitions];
  return module === undefined ? builtIn : [...(await definitionsIn(context, module)), ...builtIn];
}

async function definitionsIn(
  context: CliContext,
  file: string,
): Promise<readonly AnyPersistentActorDefinition[]> {
  const path = resolve(context.cwd, file);
  if (!isModule(path)) {
    throw new UsageError(`--module wants a .ts, .mts, .js or .mjs file, got "${file}"`);
  }
  const module = await importModule(path, "a module of definitions");
  const found = Object.values(module).filter(isDefinition);
  if (found.length > 0) return found;
  const names = Object.keys(module).join(", ") || "nothing";
  throw new UsageError(
    `"${file}" exports no persistent actor (it exports ${names}); write: export const Account = definePersistentActor(…)`,
  );
}

function isDefinition(value: unknown): value is AnyPersistentActorDefinition {
  return (
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    value.kind === "persistent-actor" &&
    "model" in value
  );
}
