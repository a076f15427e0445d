/** U14: what consumers outside of Troupe make of the topic. The filter must show them what counts, and nothing else. */
import { expect, test } from "vitest";
import type { Journal } from "../../../../src/actors/persistence/journal.ts";
import { memoryJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { encodePayload } from "../../../../src/actors/persistence/payload-codec.ts";
import { type ReplayFilter, replayFilter } from "../../../../src/index.ts";
import { event, quickLogs, recordsOf } from "../shard-fixture.ts";
import { appendRaw, rawFrame } from "./raw-frames.ts";

const paid = (cents: number) => event("", { type: "paid", payload: encodePayload({ cents }, "p") });

/** What a consumer sees, one line a record. */
async function seen(
  journal: Journal,
  filter: ReplayFilter = replayFilter({ journalId: journal.journalId, shard: 0 }),
): Promise<string[]> {
  const lines: string[] = [];
  for (const { position, bytes } of await recordsOf(journal)) {
    const record = filter.take(position, bytes);
    if (!record.accepted) lines.push(record.reason + (record.provesLoss ? "!" : ""));
    else if (record.kind !== "data") lines.push(record.kind);
    else
      lines.push(
        record.events.map((e) => `${e.sequenceNumber}:${JSON.stringify(e.payload)}`).join(" "),
      );
  }
  return lines;
}

async function written(): Promise<Journal> {
  const journal = memoryJournal({ shards: 1 });
  const logs = quickLogs(journal, { node: "old" });
  const log = await logs.open(0);
  await log.commit("a/1", [paid(1), paid(2)]).confirmed;
  await log.commit("a/1", [paid(3)]).confirmed;
  return journal;
}

test("a whole log: claims are empty, events come in order with their payloads", async () => {
  const journal = await written();
  expect(await seen(journal)).toEqual(["claim", '1:{"cents":1} 2:{"cents":2}', '3:{"cents":3}']);
});

test("a frame that was sent twice counts once", async () => {
  const journal = await written();
  const [, first, second] = await recordsOf(journal);
  await appendRaw(journal, (second as typeof first & {}).bytes);
  await appendRaw(journal, (first as typeof second & {}).bytes);
  expect((await seen(journal)).slice(3)).toEqual(["repeated", "repeated"]);
});

test("a deposed writer's frames never count, however late they land and however well they fit", async () => {
  const journal = await written();
  const old = await recordsOf(journal);
  const successor = await quickLogs(journal, { node: "new" }).open(0);
  await successor.commit("a/1", [paid(4)]).confirmed;
  // The next frame that the old owner would have written, to the last number.
  const { term, nonce, seq } = filterState(journal, old);
  const previous = old.at(-1)?.position ?? 0;
  const late = [{ id: "a/1", sequenceNumber: 4, previous, staged: paid(999) }];
  await appendRaw(journal, rawFrame(journal, { term, nonce, seq: seq + 1 }, late));
  await appendRaw(journal, rawFrame(journal, { kind: "claim", term, nonce: 77, seq: 0 }));
  await successor.commit("a/1", [paid(5)]).confirmed;
  expect((await seen(journal)).slice(3)).toEqual([
    "claim",
    '4:{"cents":4}',
    "older-term",
    "claim-too-low",
    '5:{"cents":5}',
  ]);
});

function filterState(journal: Journal, records: Awaited<ReturnType<typeof recordsOf>>) {
  const filter = replayFilter({ journalId: journal.journalId, shard: 0 });
  for (const { position, bytes } of records) filter.take(position, bytes);
  return filter.state;
}

test("what is missing, foreign or damaged is named", async () => {
  const journal = await written();
  const { term, nonce, seq } = filterState(journal, await recordsOf(journal));
  await appendRaw(journal, rawFrame(journal, { term, nonce, seq: seq + 2 }));
  await appendRaw(journal, rawFrame(journal, { term: term + 1, nonce, seq: 1 }));
  await appendRaw(journal, rawFrame({ journalId: "f".repeat(32) }, { term, nonce, seq: seq + 1 }));
  await appendRaw(journal, Buffer.from("something else"));
  const broken = rawFrame(journal, { term, nonce, seq: seq + 1 });
  broken.writeUInt8(broken.readUInt8(60) ^ 1, 60);
  await appendRaw(journal, broken);
  expect((await seen(journal)).slice(3)).toEqual([
    "gap!",
    "unknown-claim!",
    "foreign",
    "not-a-frame",
    "damaged!",
  ]);
});

test("a consumer goes on from the state that it kept", async () => {
  const journal = await written();
  const records = await recordsOf(journal);
  const state = filterState(journal, records.slice(0, 2));
  const filter = replayFilter({ journalId: journal.journalId, shard: 0, state });
  const [, , third] = records;
  expect(filter.take(third?.position ?? 0, third?.bytes ?? new Uint8Array())).toMatchObject({
    accepted: true,
    events: [{ persistenceId: "a/1", sequenceNumber: 3, type: "paid", payload: { cents: 3 } }],
  });
});
