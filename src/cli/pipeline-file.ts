/** Loads a pipeline from YAML, or from a TypeScript or JavaScript module that exports one. */
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isTroupeError } from "../actors/kernel/index.ts";
import {
  isPipeline,
  type PipelineDefinition,
  readPipelineYaml,
} from "../actors/pipelines/index.ts";
import type { CliContext } from "./cli-context.ts";
import { UsageError } from "./usage-error.ts";

const YAML = new Set([".yaml", ".yml"]);
const MODULE = new Set([".ts", ".mts", ".js", ".mjs"]);

/** Throws `TROUPE_PIPELINE_INVALID` with every problem's place, or a `UsageError` for a file that cannot be one. */
export async function loadPipeline(context: CliContext, file: string): Promise<PipelineDefinition> {
  const path = resolve(context.cwd, file);
  const extension = extname(path);
  if (YAML.has(extension)) return readPipelineYaml(await readText(path, file), { file });
  if (MODULE.has(extension)) return pipelineOf(await importModule(path, extension), file);
  throw new UsageError(`a pipeline is a .yaml, .yml, .ts, .mts, .js or .mjs file, got "${file}"`);
}

async function readText(path: string, shown: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new UsageError(`there is no file "${shown}"`);
    if (code === "EISDIR")
      throw new UsageError(`"${shown}" is a folder; name a pipeline file in it`);
    throw error;
  }
}

/** What the module does wrong is its author's to mend: it is told with the file's name. */
async function importModule(path: string, extension: string): Promise<Record<string, unknown>> {
  await readText(path, path);
  try {
    if (extension === ".js" || extension === ".mjs") {
      return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
    }
    // Node 20 cannot strip types; jiti can, and the module gets this very copy of troupe.
    const { createJiti } = await import("jiti");
    const own = fileURLToPath(new URL("../index.js", import.meta.url));
    // No cache on disk: a shared temporary folder is no place for code that will be run.
    const jiti = createJiti(import.meta.url, {
      alias: { troupe: own },
      moduleCache: false,
      fsCache: false,
    });
    return await jiti.import<Record<string, unknown>>(path);
  } catch (error) {
    if (isTroupeError(error)) throw error;
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new UsageError(`"${path}" could not be loaded as a pipeline: ${reason}`);
  }
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
