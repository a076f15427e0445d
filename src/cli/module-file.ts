/** Loads a user's TypeScript or JavaScript module. */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isTroupeError } from "../actors/kernel/index.ts";
import { UsageError } from "./usage-error.ts";

const MODULE = new Set([".ts", ".mts", ".js", ".mjs"]);

export function isModule(path: string): boolean {
  return MODULE.has(extname(path));
}

export async function readText(path: string, shown: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new UsageError(`there is no file "${shown}"`);
    if (code === "EISDIR") throw new UsageError(`"${shown}" is a folder; name a file in it`);
    throw error;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`"${shown}" is not text in UTF-8; save it in that encoding`);
  }
}

/** What the module does wrong is its author's to mend: it is told with the file's name. */
export async function importModule(path: string, what: string): Promise<Record<string, unknown>> {
  await readText(path, path);
  const extension = extname(path);
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
    throw new UsageError(`"${path}" could not be loaded as ${what}: ${reason}`);
  }
}
