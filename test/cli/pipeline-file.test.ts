/** Files that are no pipelines are told apart from pipelines with mistakes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { CliContext } from "../../src/cli/cli-context.ts";
import { validate } from "../../src/cli/commands/validate.ts";
import { loadPipeline } from "../../src/cli/pipeline-file.ts";
import { UsageError } from "../../src/cli/usage-error.ts";

const cwd = mkdtempSync(join(tmpdir(), "troupe-cli-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const said: string[] = [];
const stream = { write: (text: string) => said.push(text) };
const context = { cwd, stdout: stream, stderr: stream } as unknown as CliContext;
const text = "jobs:\n  only:\n    run: echo hi\n";

test("one that begins with a byte order mark is read", async () => {
  writeFileSync(join(cwd, "marked.yaml"), `\uFEFF${text}`);
  expect((await loadPipeline(context, "marked.yaml")).jobs).toHaveLength(1);
  expect(await validate(context, ["marked.yaml"], {})).toBe(0);
  expect(said.join("")).toBe("marked.yaml: marked, 1 job, nothing wrong\n");
});

test.each<[string, string, () => void]>([
  [
    "UTF-16, as some shells write",
    "utf16.yaml",
    () => writeFileSync(join(cwd, "utf16.yaml"), Buffer.from(`\uFEFF${text}`, "utf16le")),
  ],
  [
    "no text at all",
    "binary.yaml",
    () => writeFileSync(join(cwd, "binary.yaml"), Buffer.from([0x6a, 0xff, 0x00])),
  ],
  ["a folder", "folder.yaml", () => mkdirSync(join(cwd, "folder.yaml"))],
  ["not there", "absent.yaml", () => {}],
  ["of another kind", "pipeline.json", () => writeFileSync(join(cwd, "pipeline.json"), "{}")],
])("one that is %s is refused by its name", async (_, file, make) => {
  make();
  const refusal = loadPipeline(context, file);
  await expect(refusal).rejects.toThrow(UsageError);
  await expect(refusal).rejects.toThrow(`"${file}"`);
});
