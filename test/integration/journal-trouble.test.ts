/** What the journal commands say and return when a journal, a file or standard output is not as it should be. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { journalFiles } from "../actors/persistence/tools/journal-files.ts";
import { temporaryFolder, troupe } from "../support/troupe-process.ts";

/** A data folder with a journal of several files. */
async function dataFolder(): Promise<{ data: string; files: string[] }> {
  const data = join(temporaryFolder(), "data");
  return { data, files: await journalFiles(join(data, "journal")) };
}

test("where the oldest file is missing, inspect, export and tail end with 1", async () => {
  const { data, files } = await dataFolder();
  rmSync(files[0] as string);
  const inspected = await troupe(["journal", "inspect", "--data", data]);
  expect(inspected).toMatchObject({ code: 1 });
  expect(inspected.stdout).toContain("EVENTS ARE MISSING");
  expect(await troupe(["journal", "inspect", "--json", "--data", data])).toMatchObject({ code: 1 });
  for (const command of [["export"], ["tail", "--from", "start"]]) {
    const { code, stdout, stderr } = await troupe(["journal", ...command, "--data", data]);
    expect({ code, stdout }, command[0]).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("a frame whose owner's claim is missing");
  }
});
