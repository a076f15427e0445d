import { expect, test } from "vitest";
import { memoryJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { append, land, readShard } from "./journal-work.ts";

test("a memory journal that is full refuses, and takes more after a cut", async () => {
  const journal = memoryJournal({ shards: 1, bytesMax: 1000 });
  for (let number = 0; number < 10; number++) await land(journal, 0, "x".repeat(100));
  const refused = await append(journal, 0, "y");
  expect(refused).toMatchObject({ outcome: "refused", cause: { code: "TROUPE_JOURNAL_FULL" } });
  await journal.cut(0, 5);
  expect(await land(journal, 0, "y")).toBe(10);
  expect(await readShard(journal, 0)).toHaveLength(6);
});

test.each([0, -1, 1.5, Number.NaN, 1e9])("a memory journal of %d shards is refused", (shards) => {
  expect(() => memoryJournal({ shards })).toThrow("a whole number from 1 to 65535");
});
