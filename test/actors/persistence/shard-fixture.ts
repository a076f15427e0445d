/** What the tests of the shard logs have in common: events, logs with small bounds, and a view of the raw log. */
import { readEvents } from "../../../src/actors/persistence/event-codec.ts";
import { type Frame, FrameReader } from "../../../src/actors/persistence/frame.ts";
import type { Journal, JournalRecord, Position } from "../../../src/actors/persistence/journal.ts";
import {
  type ProtocolRules,
  protocolRules,
} from "../../../src/actors/persistence/shard-context.ts";
import type {
  ShardLog,
  StagedEvent,
  StoredEvent,
} from "../../../src/actors/persistence/shard-log.ts";
import { NodeShardLogs, type ShardLogsParts } from "../../../src/actors/persistence/shard-logs.ts";
import { defaultShardLogsOptions } from "../../../src/actors/persistence/shard-logs-options.ts";

export function event(payload = "", more: Partial<StagedEvent> = {}): StagedEvent {
  const { type = "happened", kind = "event" } = more;
  return { schemaVersion: 1, timeMs: 0, payload: Buffer.from(payload), ...more, type, kind };
}

export const base = (payload: string): StagedEvent =>
  event(payload, { kind: "base", type: "state" });
export const tombstone = (): StagedEvent => event("", { kind: "tombstone", type: "deleted" });

/** Shard logs that lose patience fast. Everything else is as a user would have it. */
export function quickLogs(
  journal: Journal,
  parts: Partial<Omit<ShardLogsParts, "journal">> = {},
  rules: Partial<ProtocolRules> = {},
): NodeShardLogs {
  const options = {
    ...defaultShardLogsOptions,
    retryPauseMs: 1,
    uncertainMaxMs: 200,
    shardOpenTimeoutMs: 5_000,
    stalledRetryMs: 60_000,
    cutAfterBytes: 0,
    ...parts.options,
  };
  const all = { ...protocolRules(options.reclaimsMax), ...rules };
  return new NodeShardLogs({ journal, node: "node-a", ...parts }, options, all);
}

/** The whole of a shard as it lies in the journal; records that are no frames are left out. */
export async function framesOf(journal: Journal, shard = 0): Promise<(Frame & { at: Position })[]> {
  const reader = new FrameReader(journal.journalId, shard);
  const frames: (Frame & { at: Position })[] = [];
  for (const { position, bytes } of await recordsOf(journal, shard)) {
    const frame = reader.read(bytes);
    if (typeof frame !== "string") frames.push({ ...frame, at: position });
  }
  return frames;
}

export async function recordsOf(journal: Journal, shard = 0): Promise<JournalRecord[]> {
  const { low, end } = await journal.tail(shard);
  const records: JournalRecord[] = [];
  for (let at = low; at < end; ) {
    const page = await journal.read(shard, at, 1_000_000);
    if (page.records.length === 0) break;
    records.push(...page.records);
    at = page.next;
  }
  return records;
}

/** A frame in one line: what it is, and what is in it. */
export function lineOf(frame: Frame & { at: Position }): string {
  const events =
    frame.kind === "data"
      ? readEvents(frame, frame.at).map(({ persistenceId, sequenceNumber, kind }) =>
          kind === "event"
            ? `${persistenceId}:${sequenceNumber}`
            : `${kind}(${persistenceId}:${sequenceNumber})`,
        )
      : [];
  return [frame.kind, frame.term, frame.seq, ...events].join(" ");
}

export async function linesOf(journal: Journal, shard = 0): Promise<string[]> {
  return (await framesOf(journal, shard)).map(lineOf);
}

/** An entity's replay as `kind number payload` lines. */
export async function replayLines(
  log: ShardLog,
  persistenceId: string,
  bounds?: Parameters<ShardLog["replay"]>[2],
): Promise<string[]> {
  const lines: string[] = [];
  const show = ({ kind, sequenceNumber, payload }: StoredEvent): void => {
    lines.push(`${kind} ${sequenceNumber} ${Buffer.from(payload).toString()}`.trim());
  };
  await log.replay(persistenceId, show, bounds);
  return lines;
}

/** The code of the error that a promise rejects with. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
    return "nothing was thrown";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
