/** What a file system refuses to those who only look is told as that: what, why, and what to do. */
import { expect, test } from "vitest";
import {
  type FileSystem,
  nodeFileSystem,
  openEmbeddedJournal,
  refusedFile,
  surveyEmbeddedJournal,
} from "../../../../src/actors/persistence/journals/index.ts";

function failing(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: refused`), { code });
}

/** Reading a file of it fails; the tests may run as a user to whom nothing is forbidden. */
function refusing(code: string): FileSystem {
  return { ...nodeFileSystem, readWhole: () => Promise.reject(failing(code)) };
}

test.each(["EACCES", "EPERM"])("a journal that may not be read: %s", async (code) => {
  const directory = "/data/journal";
  const fileSystem = refusing(code);
  const told = {
    code: "TROUPE_FILE_REFUSED",
    message: `/data/journal cannot be read: ${code}: refused. Give this process the right to read it.`,
  };
  await expect(
    openEmbeddedJournal({ directory, fileSystem, readOnly: true }),
  ).rejects.toMatchObject(told);
  await expect(surveyEmbeddedJournal(directory, fileSystem)).rejects.toMatchObject(told);
  await expect(openEmbeddedJournal({ directory, fileSystem })).rejects.toMatchObject({
    code: "TROUPE_JOURNAL_READ_ONLY",
  });
});

test("no room, a wrong place, and what is no refusal", () => {
  const wish = { path: "/b", wanted: "written", option: "file", expected: "a path" } as const;
  expect(refusedFile(failing("ENOSPC"), wish)).toMatchObject({
    code: "TROUPE_FILE_REFUSED",
    message: "/b cannot be written: ENOSPC: refused. Free some space there, or name another place.",
  });
  expect(refusedFile(failing("EISDIR"), wish)).toMatchObject({
    code: "TROUPE_OPTION_INVALID",
    details: { option: "file", expected: "a path", got: "/b (EISDIR: refused)" },
  });
  const other = failing("EIO");
  expect(refusedFile(other, wish)).toBe(other);
});
