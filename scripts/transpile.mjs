/**
 * Makes dist/ runnable in a second: each file of TypeScript to one of JavaScript, without looking at types and without
 * declarations. For whoever wants to see the product run; all else stands on `npm run build`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildStamp, ensureBuilt, ensureInstalled, isNewer, root, step } from "./prepare.mjs";

const folders = ["src", "proto"];

/** Where nothing has been built yet, this is enough; else the build is brought up to date. */
export async function ensureRunnable() {
  ensureInstalled();
  if (existsSync(buildStamp)) return ensureBuilt();
  const stamp = join(root, "dist", "transpiled");
  if (isNewer(stamp, folders)) return;
  step("building (without looking at types)");
  await transpile();
  writeFileSync(stamp, "");
}

async function transpile() {
  // Not at the top: on a fresh clone it is there only once packages are installed.
  const { transformSync } = await import("rolldown/utils");
  for (const source of sources()) {
    const { code, errors } = transformSync(source, readFileSync(join(root, source), "utf8"), {
      lang: "ts",
      sourceType: "module",
      target: "es2023",
      typescript: { onlyRemoveTypeImports: true, rewriteImportExtensions: "rewrite" },
    });
    if (errors.length > 0) throw new Error(`${source}: ${errors[0]?.message}`);
    const output = join(root, "dist", source.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(output), { recursive: true });
    writeFileSync(output, code);
  }
}

function sources() {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
      .map((name) => join(folder, name)),
  );
}
