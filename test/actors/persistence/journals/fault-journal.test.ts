import { expect, test } from "vitest";
import { seededRandom } from "../../../../src/actors/kernel/index.ts";
import {
  type AppendFault,
  type FaultJournal,
  type FaultJournalOptions,
  faultJournal,
  memoryJournal,
} from "../../../../src/actors/persistence/journals/index.ts";
import { append, bytesOf, failureOf, readShard } from "./journal-work.ts";

function make(options: FaultJournalOptions = {}): FaultJournal {
  return faultJournal(memoryJournal({ shards: 2 }), { random: seededRandom(7), ...options });
}

test.each<[AppendFault, string, readonly string[]]>([
  ["lost-ack", "uncertain", ["it"]],
  ["dropped", "uncertain", []],
  ["refused", "refused", []],
  ["duplicate", "at", ["it", "it"]],
])("%s: the answer is %s, and the log holds %j", async (fault, outcome, texts) => {
  const journal = make();
  journal.next(fault);
  expect(await append(journal, 0, "it")).toHaveProperty("outcome", outcome);
  expect(await append(journal, 0, "next")).toMatchObject({ outcome: "at" });
  expect(await readShard(journal, 0)).toEqual([...texts, "next"]);
  expect(journal.counts[fault]).toBe(1);
});

test("displaced: something that is no frame lands before, and the place is not the expected one", async () => {
  const journal = make({ junk: () => bytesOf("junk") });
  journal.next("displaced");
  expect(await append(journal, 0, "it")).toMatchObject({ outcome: "at", at: 1, clean: false });
  expect(await readShard(journal, 0)).toEqual(["junk", "it"]);
});

test("late: it lands when its step comes, behind what came meanwhile, as it was when appended", async () => {
  const random = { ...seededRandom(7), next: () => 0.9 };
  const journal = make({ lateStepsMax: 20, random });
  const bytes = bytesOf("late");
  journal.next("late");
  const [result] = await journal.append([{ shard: 0, expected: 0, bytes }]);
  bytes.fill(0);
  expect(result).toHaveProperty("outcome", "uncertain");
  expect(journal.latePending).toBe(1);
  await journal.append([{ shard: 0, expected: 0, bytes: bytesOf("meanwhile") }]);
  await journal.step(20);
  expect(journal.latePending).toBe(0);
  expect(await readShard(journal, 0)).toEqual(["meanwhile", "late"]);
});

test("each request of an append has a fate of its own", async () => {
  const journal = make();
  journal.next("none", "dropped", "lost-ack", "refused");
  const texts = ["a", "b", "c", "d", "e"];
  const results = await journal.append(
    texts.map((text) => ({ shard: 1, expected: 0, bytes: bytesOf(text) })),
  );
  const outcomes = results.map(({ outcome }) => outcome);
  expect(outcomes).toEqual(["at", "uncertain", "uncertain", "refused", "at"]);
  expect(await readShard(journal, 1)).toEqual(["a", "c", "e"]);
});

test("reads fail, or return less than there is", async () => {
  const journal = make();
  for (const text of ["a", "b", "c"]) await append(journal, 0, text);
  journal.next("read-error", "short-read", "read-error");
  expect((await failureOf(journal.read(0, 0, 1000))).code).toBe("TROUPE_JOURNAL_UNAVAILABLE");
  expect((await journal.read(0, 0, 1000)).records).toHaveLength(1);
  expect((await failureOf(journal.readAt(0, 0))).code).toBe("TROUPE_JOURNAL_UNAVAILABLE");
  expect(await readShard(journal, 0)).toEqual(["a", "b", "c"]);
});

test("held appends wait, and land in order when they are let go", async () => {
  const journal = make();
  const release = journal.hold();
  const appends = ["a", "b"].map((text) =>
    journal.append([{ shard: 0, expected: 0, bytes: bytesOf(text) }]),
  );
  expect(await readShard(journal, 0)).toEqual([]);
  release();
  await Promise.all(appends);
  expect(await readShard(journal, 0)).toEqual(["a", "b"]);
});

test("the same seed gives the same run, and calm ends the faults", async () => {
  const run = async (): Promise<unknown> => {
    const rates = { "lost-ack": 0.2, late: 0.2, dropped: 0.1, displaced: 0.1, duplicate: 0.1 };
    const journal = make({ rates, random: seededRandom(99) });
    const outcomes: string[] = [];
    for (let number = 0; number < 200; number++) {
      const [result] = await journal.append([
        { shard: 0, expected: 0, bytes: bytesOf(`${number}`) },
      ]);
      outcomes.push(result?.outcome ?? "");
    }
    await journal.calm();
    expect(journal.latePending).toBe(0);
    expect(await append(journal, 0, "calm")).toHaveProperty("outcome", "at");
    return { outcomes, counts: journal.counts, texts: await readShard(journal, 0) };
  };
  const first = await run();
  expect(await run()).toEqual(first);
});
