/**
 * Makes the agent one file: dist/troupe-agent.js, from the built dist/src/agent/main.js and what it imports; and
 * dist/troupe-agent-init, which is process 1 of a container.
 * Beside it the licences of all packages that are in it, as they ask for.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const file = join(root, "dist", "troupe-agent.js");

const bundle = await rolldown({
  input: join(root, "dist", "src", "agent", "main.js"),
  platform: "node",
});
const { output } = await bundle.write({
  file,
  format: "esm",
  minify: true,
  codeSplitting: false,
});
await bundle.close();
chmodSync(file, 0o755);
const { initScript } = await import(
  pathToFileURL(join(root, "dist", "src", "agent", "init-script.js")).href
);
const init = join(root, "dist", "troupe-agent-init");
writeFileSync(
  init,
  `#!/bin/sh
# Process 1 of a container: runs troupe-agent, hands signals on, and takes in processes that jobs leave behind.
self=$(readlink -f -- "$0" 2>/dev/null || printf '%s' "$0")
set -- node "\${self%/*}/troupe-agent.js" "$@"
${initScript}`,
);
chmodSync(init, 0o755);

const [chunk] = output;
const folders = new Set(
  chunk.moduleIds.flatMap((id) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []),
);
// A package that is published in one piece has others in it.
for (const folder of folders) {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    const installed = join(root, "node_modules", name);
    if (existsSync(installed)) folders.add(installed);
  }
}
const licences = [...folders].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const found = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = found === undefined ? "" : readFileSync(join(folder, found), "utf8");
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
});
writeFileSync(
  join(root, "dist", "troupe-agent.licenses.txt"),
  licences.join(`\n${"-".repeat(80)}\n\n`),
);
process.stderr.write(
  `troupe-agent.js: ${Math.round(chunk.code.length / 1024)} KiB, ${folders.size} packages in it\n`,
);
