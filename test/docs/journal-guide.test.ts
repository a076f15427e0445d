/** The steps of docs/journal.md, taken from its text and done beside a running server, in its order. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  runEnded,
  start,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { codeBlocks } from "./code-blocks.ts";

const lines = codeBlocks()
  .filter(({ place, language, flags }) => {
    return place.startsWith(join("docs", "journal.md")) && language === "sh" && flags.length === 0;
  })
  .flatMap(({ code }) => code.split("\n"))
  .filter((line) => line.startsWith("troupe "));

it("each step does what the page says", async () => {
  expect(lines.length).toBeGreaterThanOrEqual(10);
  const cwd = temporaryFolder();
  const data = join(cwd, ".troupe");
  await startServer({ data, agents: 1 });
  writeFileSync(join(cwd, "p.yaml"), "name: p\njobs:\n  a:\n    run: echo hello\n");
  const submitted = await troupe(["submit", "p.yaml", "--id", "nightly"], { cwd });
  expect(submitted).toMatchObject({ code: 0 });
  await runEnded(data, "nightly");

  for (const line of lines) {
    const [, ...args] = line.replace(/ > \S+$/, "").split(" ");
    if (args[1] === "tail") {
      const tailing = start(args, { cwd });
      await waitUntil(`${line} shows an event`, () => tailing.stdout().includes('"shard"'));
      tailing.signal("SIGINT");
      expect(await tailing.ended(), line).toBe(0);
    } else {
      const { code, stdout, stderr } = await troupe(args, { cwd });
      expect({ line, code }, stderr).toEqual({ line, code: 0 });
      expect(stdout, line).not.toBe("");
    }
  }
  expect(existsSync(join(cwd, "restored", "journal", "journal.json"))).toBe(true);
  const verified = await troupe(["journal", "verify", "--data", "restored"], { cwd });
  expect(verified.stdout).toContain("sound: 64 shards");
});
