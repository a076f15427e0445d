/** The server's own files, as servers that start at the same moment leave and find them. */
import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { openDataFolder, readSystemFile, writeSystemFile } from "../../src/server/data-folder.ts";
import { temporaryFolder } from "./running-server.ts";

it("is opened and written by many at once, none of whom meets another's drafts", async () => {
  const dataDir = temporaryFolder();
  const ids = Array.from({ length: 100 }, (_, n) => `system-${n}`);
  await Promise.all(
    ids.map(async (systemId) => {
      const folder = await openDataFolder(dataDir);
      await writeSystemFile(folder, { systemId });
    }),
  );
  expect(ids).toContain((await readSystemFile(dataDir))?.systemId);
  expect(readdirSync(dataDir)).toEqual(["system.json"]);
});
