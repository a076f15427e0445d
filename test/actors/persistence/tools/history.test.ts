/** Looking into a journal: counts, live events, and the past of one entity. */
import { expect, test } from "vitest";
import { systemClock } from "../../../../src/actors/kernel/index.ts";
import { baseSource } from "../../../../src/actors/persistence/base-source.ts";
import {
  definePersistentActor,
  entityHistory,
  type HistoryStep,
  inspectShard,
  type Journal,
  storedEvents,
  tailEvents,
} from "../../../../src/actors/persistence/index.ts";
import { RecoveryPermits } from "../../../../src/actors/persistence/recovery-permits.ts";
import { disk, start } from "../entity-fixture.ts";
import { base, event, quickLogs, recordsOf, tombstone } from "../shard-fixture.ts";
import { appendRaw, rawFrame } from "./raw-frames.ts";

const Account = definePersistentActor("account", {
  initialState: () => ({ cents: 0 }),
  snapshot: { everyEvents: 3 },
})
  .events({ paid: (state, e: { cents: number }) => ({ cents: state.cents + e.cents }) })
  .timers<{ check: undefined }>({ check: () => undefined })
  .commands({
    pay: (account, cents: number) => account.persist("paid", { cents }),
    remind: (account) => account.timers.start("check", { afterMs: 3_600_000 }),
    close: (account) => account.delete(),
  });

async function history(
  journal: Journal,
  options: Partial<Parameters<typeof entityHistory>[1]> = {},
): Promise<{ lines: string[]; end: Awaited<ReturnType<typeof entityHistory>> }> {
  const lines: string[] = [];
  const show = ({ event: e, after }: HistoryStep): void => {
    const state = "unknown" in after ? `no state: ${after.unknown}` : JSON.stringify(after.state);
    lines.push(`${e.kind} ${e.sequenceNumber} ${e.type} → ${state}`);
  };
  const asked = { persistenceId: "account/alice", model: Account.model, ...options };
  const end = await entityHistory(journal, asked, show);
  return { lines, end };
}

async function alice(): Promise<Journal> {
  const journal = disk(2);
  const system = await start({ journal, definitions: [Account] });
  for (const cents of [1, 2, 3, 4]) await system.actor(Account, "alice").pay(cents);
  await system.actor(Account, "alice").remind();
  await system.stop();
  return journal;
}

test("time travel: every event with the state after it, beyond the newest stored state too", async () => {
  const journal = await alice();
  const { lines, end } = await history(journal);
  expect(lines.filter((line) => line.startsWith("event"))).toEqual([
    'event 1 paid → {"cents":1}',
    'event 2 paid → {"cents":3}',
    'event 3 paid → {"cents":6}',
    'event 4 paid → {"cents":10}',
    'event 5 ~timer-started → {"cents":10}',
  ]);
  expect(lines.some((line) => /^base 3 .* → \{"cents":6\}/.test(line))).toBe(true);
  expect(end).toEqual({ highestSequenceNumber: 5, deleted: false, isCut: false });
});

test("time travel to a number, and to a time", async () => {
  const journal = await alice();
  expect((await history(journal, { toSequenceNumber: 2 })).lines).toHaveLength(2);
  expect((await history(journal, { toTimeMs: 0 })).lines).toEqual([]);
  const times: number[] = [];
  await entityHistory(journal, { persistenceId: "account/alice" }, ({ event: e }) => {
    times.push(Date.parse(e.time));
  });
  const upTo = await history(journal, { toTimeMs: times[1] ?? 0 });
  expect(upTo.lines.length).toBeGreaterThanOrEqual(2);
});

test("without the definition there are events and a word on why there is no state", async () => {
  const journal = disk(2);
  const log = quickLogs(journal);
  await (await log.open(log.shardOf("other/1"))).commit("other/1", [event()]).confirmed;
  const asked = { persistenceId: "other/1" };
  const lines: string[] = [];
  await entityHistory(journal, asked, ({ after }) => {
    lines.push("unknown" in after ? after.unknown : "a state");
  });
  expect(lines).toEqual(['the definition "other" is not known here']);
  expect(await entityHistory(journal, { persistenceId: "nobody/1" }, () => {})).toBeUndefined();
});

test("a deleted entity still shows how it came to its end", async () => {
  const journal = disk(2);
  const system = await start({ journal, definitions: [Account] });
  await system.actor(Account, "alice").pay(1);
  await system.actor(Account, "alice").close();
  await system.stop();
  const { lines, end } = await history(journal);
  expect(lines[0]).toBe('event 1 paid → {"cents":1}');
  expect(lines.at(-1)).toMatch(/^tombstone 2 .*→ \{"cents":0\}/);
  expect(end?.deleted).toBe(true);
});

test("a history whose beginning was cut away says so, and starts with the stored state", async () => {
  const journal = disk(1);
  const system = await start({ journal, definitions: [Account] });
  for (const cents of [1, 2]) await system.actor(Account, "alice").pay(cents);
  await system.stop();
  const logs = quickLogs(journal);
  logs.provideBases(
    baseSource({
      modelOf: () => Account.model,
      clock: systemClock,
      recoveries: new RecoveryPermits(1),
    }),
  );
  const log = await logs.open(0);
  await logs.cut(true);
  await log.commit("account/bob", [event()]).confirmed;
  const { lines, end } = await history(journal);
  expect(lines).toEqual(['base 2 ~base → {"cents":3}']);
  expect(end?.isCut).toBe(true);
});

test("inspect counts what counts, and names what was skipped with its place", async () => {
  const journal = disk(1);
  const logs = quickLogs(journal, { node: "node-a" });
  const log = await logs.open(0);
  await log.commit("a/1", [event(), event()]).confirmed;
  await log.commit("a/2", [event()]).confirmed;
  await log.commit("a/2", [tombstone()]).confirmed;
  const [, first] = await recordsOf(journal);
  const at = await appendRaw(journal, first?.bytes ?? new Uint8Array());
  expect(await inspectShard(journal, 0)).toMatchObject({
    frames: 4,
    claims: 1,
    events: 4,
    entities: 1,
    term: 1,
    owner: "node-a",
    checkpoint: -1,
    skipped: [{ reason: "repeated", count: 1, positions: [at], provesLoss: false }],
  });
});

test("export shows what counts, chosen by type, entity and tag", async () => {
  const journal = disk(2);
  const logs = quickLogs(journal);
  const put = async (id: string, type: string, tags?: string[]): Promise<void> => {
    const log = await logs.open(logs.shardOf(id));
    await log.commit(id, [event("", { type, ...(tags && { tags }) })]).confirmed;
  };
  await put("a/1", "made", ["blue"]);
  await put("a/2", "made");
  await put("a/1", "gone");
  const ids = async (choice: Parameters<typeof storedEvents>[1]): Promise<string[]> => {
    const found: string[] = [];
    for await (const e of storedEvents(journal, choice)) found.push(`${e.persistenceId} ${e.type}`);
    return found.sort();
  };
  expect(await ids({})).toEqual(["a/1 gone", "a/1 made", "a/2 made"]);
  expect(await ids({ types: ["made"] })).toEqual(["a/1 made", "a/2 made"]);
  expect(await ids({ persistenceIds: ["a/1"] })).toEqual(["a/1 gone", "a/1 made"]);
  expect(await ids({ tags: ["blue"] })).toEqual(["a/1 made"]);
});

test("tail shows what comes from now on, and from the start when asked", async () => {
  const journal = disk(1);
  const logs = quickLogs(journal);
  const log = await logs.open(0);
  await log.commit("a/1", [event("", { type: "before" })]).confirmed;
  for (const [from, expected] of [
    ["now", ["after"]],
    ["start", ["before", "after", "after"]],
  ] as const) {
    const ending = new AbortController();
    const seen: string[] = [];
    let pauses = 0;
    const pause = async (): Promise<void> => {
      pauses += 1;
      if (pauses === 1) await log.commit("a/1", [event("", { type: "after" })]).confirmed;
      else ending.abort();
    };
    for await (const e of tailEvents(journal, { from, pause, signal: ending.signal })) {
      seen.push(e.type);
    }
    expect(seen, from).toEqual(expected);
  }
});

/** All that a tail from the start shows until there is no more. */
async function tailed(journal: Journal): Promise<string[]> {
  const ending = new AbortController();
  const pause = async (): Promise<void> => ending.abort();
  const seen: string[] = [];
  const tail = tailEvents(journal, { from: "start", pause, signal: ending.signal });
  for await (const e of tail) seen.push(e.persistenceId);
  return seen;
}

async function exported(journal: Journal): Promise<string[]> {
  const seen: string[] = [];
  for await (const e of storedEvents(journal)) seen.push(e.persistenceId);
  return seen;
}

test.each([
  ["an owner's claim is missing", { term: 2, seq: 1 }, "a frame whose owner's claim is missing"],
  ["a frame is missing", { term: 1, seq: 2 }, "the frame before this one is missing"],
])("export and tail end where %s", async (_, numbers, problem) => {
  const journal = disk(1);
  await appendRaw(journal, rawFrame(journal, { kind: "claim", term: 1, nonce: 1, seq: 0 }));
  const at = await appendRaw(journal, rawFrame(journal, { ...numbers, nonce: 1 }));
  const details = { where: `shard 0, position ${at}`, problem };
  for (const read of [exported, tailed]) {
    await expect(read(journal)).rejects.toMatchObject({ code: "TROUPE_JOURNAL_CORRUPT", details });
  }
});

test("a log that was cut is exported and tailed from its cut on", async () => {
  const journal = disk(1);
  const logs = quickLogs(journal);
  logs.provideBases((log, id) => {
    const sequenceNumber = log.entry(id)?.sequenceNumber ?? 0;
    return Promise.resolve({ sequenceNumber, event: base("") });
  });
  const log = await logs.open(0);
  for (const id of ["a/1", "a/2", "a/1"]) await log.commit(id, [event()]).confirmed;
  await logs.cut(true);
  await log.commit("a/3", [event()]).confirmed;
  await logs.close();
  expect((await journal.tail(0)).low).toBeGreaterThan(0);
  for (const read of [exported, tailed]) {
    expect((await read(journal)).sort()).toEqual(["a/1", "a/2", "a/3"]);
  }
});
