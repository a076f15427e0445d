/** Loads a pipeline from YAML, or from a TypeScript or JavaScript module that exports one. */
import { extname, resolve } from "node:path";
import {
  isPipeline,
  type PipelineDefinition,
  readPipelineYaml,
} from "../actors/pipelines/index.ts";
import type { CliContext } from "./cli-context.ts";
import { importModule, isModule, readText } from "./module-file.ts";
import { UsageError } from "./usage-error.ts";

const YAML = new Set([".yaml", ".yml"]);

/** Throws `TROUPE_PIPELINE_INVALID` with every problem's place, or a `UsageError` for a file that cannot be one. */
export async function loadPipeline(context: CliContext, file: string): Promise<PipelineDefinition> {
  const path = resolve(context.cwd, file);
  const extension = extname(path);
  if (YAML.has(extension)) return readPipelineYaml(await readText(path, file), { file });
  if (isModule(path)) return pipelineOf(await importModule(path, "a pipeline"), file);
  throw new UsageError(`a pipeline is a .yaml, .yml, .ts, .mts, .js or .mjs file, got "${file}"`);
}

function pipelineOf(module: Record<string, unknown>, file: string): PipelineDefinition {
  const found = Object.entries(module).filter(([, value]) => isPipeline(value));
  const chosen = found.find(([name]) => name === "default") ?? found[0];
  const others = found.filter(([, value]) => value !== chosen?.[1]);
  if (chosen === undefined) {
    const names = Object.keys(module).join(", ") || "nothing";
    throw new UsageError(
      `"${file}" exports no pipeline (it exports ${names}); write: export default definePipeline(…)`,
    );
  }
  if (chosen[0] !== "default" && others.length > 0) {
    throw new UsageError(
      `"${file}" exports several pipelines (${found.map(([name]) => name).join(", ")}); export the one to run as default`,
    );
  }
  const pipeline = chosen[1];
  if (!isPipeline(pipeline)) throw new UsageError(`"${file}" exports no pipeline`);
  return pipeline.definition;
}
