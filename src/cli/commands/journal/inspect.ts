/** `troupe journal inspect`: what is in each shard, what was skipped, and why. */
import {
  allShards,
  inspectedPages,
  inspectShard,
  type Journal,
  type JudgedRecord,
  type ShardReport,
} from "../../../actors/persistence/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { byteSize } from "../../render/byte-size.ts";
import { table } from "../../render/table.ts";
import { writeLines } from "../../write-lines.ts";
import { type JournalSource, type SourceOptions, withSource } from "./journal-source.ts";
import { shardsOf } from "./shard-choice.ts";

export interface InspectOptions extends SourceOptions {
  readonly shard?: number;
  readonly frames?: boolean;
  readonly json?: boolean;
}

export function inspect(context: CliContext, options: InspectOptions): Promise<number> {
  return withSource(context, options, async (source) => {
    const shards = shardsOf(source.journal, options.shard) ?? allShards(source.journal);
    const reports: ShardReport[] = [];
    const failures: { shard: number; error: unknown }[] = [];
    const lines = async function* (): AsyncGenerator<string, void, void> {
      for (const shard of shards) {
        try {
          reports.push(
            options.frames === true
              ? yield* frameLines(source.journal, shard, options)
              : await inspectShard(source.journal, shard),
          );
        } catch (error) {
          // One shard that cannot be read must not hide the others.
          failures.push({ shard, error });
        }
      }
    };
    if (options.frames === true) {
      const left = await writeLines(context, lines);
      if (left !== exitCodes.ok) return left;
    } else {
      // There are no lines, so this is all of it, and Ctrl-C needs no line to be noticed.
      await lines().next();
    }
    if (options.json === true) writeJson(context, source.journal, reports, options);
    else writeText(context, source, reports);
    for (const { shard, error } of failures) {
      const message = error instanceof Error ? error.message : String(error);
      context.stderr.write(`shard ${shard}: ${context.err.paint("red", message)}\n`);
    }
    const isWhole = reports.every(({ skipped }) => !skipped.some((one) => one.provesLoss));
    return failures.length === 0 && isWhole ? exitCodes.ok : exitCodes.failed;
  });
}

function writeJson(
  { stdout }: CliContext,
  { journalId }: Journal,
  reports: readonly ShardReport[],
  { frames }: InspectOptions,
): void {
  if (frames === true) return;
  for (const report of reports) stdout.write(`${JSON.stringify({ journalId, ...report })}\n`);
}

async function* frameLines(
  journal: Journal,
  shard: number,
  options: InspectOptions,
): AsyncGenerator<string, ShardReport, void> {
  const pages = inspectedPages(journal, shard);
  for (;;) {
    const { done, value } = await pages.next();
    if (done === true) return value;
    for (const judged of value) yield frameLine(judged, shard, options);
  }
}

function frameLine(judged: JudgedRecord, shard: number, { json }: InspectOptions): string {
  const row = frameRow(judged, shard);
  if (json === true) return JSON.stringify(row);
  const { position, kind, term, seq, events, node, verdict, bytes } = row;
  const what = kind === "data" ? `${events} events` : kind;
  const count = verdict === "accept" ? "" : `  SKIPPED: ${verdict}`;
  return `shard ${shard} @${position}  term ${term} seq ${seq}  ${what}  ${bytes} bytes  by ${node}${count}`;
}

function frameRow({ record, frame, verdict }: JudgedRecord, shard: number) {
  return {
    shard,
    position: record.position,
    bytes: record.bytes.length,
    kind: frame?.kind ?? "no frame",
    term: frame?.term ?? 0,
    seq: frame?.seq ?? 0,
    events: frame?.kind === "data" ? frame.count : 0,
    node: frame?.node ?? "?",
    confirmedCheckpoint: frame?.confirmedCheckpoint ?? -1,
    verdict,
  };
}

function writeText(
  { stdout, out }: CliContext,
  { journal, name }: JournalSource,
  reports: readonly ShardReport[],
): void {
  stdout.write(`journal ${name}, id ${journal.journalId}, ${journal.shards} shards\n`);
  const used = reports.filter(
    ({ events, skipped, checkpoint }) => events > 0 || skipped.length > 0 || checkpoint >= 0,
  );
  const rows = used.map((report) => [
    String(report.shard),
    String(report.frames),
    String(report.events),
    String(report.entities),
    byteSize(report.bytes),
    `${report.low}–${report.end}`,
    String(report.term),
    report.owner,
    report.checkpoint === -1
      ? "none"
      : `@${report.checkpoint}, ${report.eventsSinceCheckpoint} events behind it`,
    String(report.skipped.reduce((sum, { count }) => sum + count, 0)),
  ]);
  const header = ["SHARD", "FRAMES", "EVENTS", "ENTITIES", "SIZE", "POSITIONS"];
  const all = [[...header, "TERM", "OWNER", "CHECKPOINT", "SKIPPED"], ...rows];
  if (rows.length > 0) stdout.write(`${table(all).join("\n")}\n`);
  const claimed = reports.filter((report) => !used.includes(report) && report.claims > 0).length;
  const empty = reports.length - used.length - claimed;
  if (claimed > 0) stdout.write(`${claimed} more with a claim and no event\n`);
  if (empty > 0) stdout.write(`${empty} more with nothing in them\n`);
  for (const { shard, skipped } of used) {
    for (const { reason, count, positions, provesLoss } of skipped) {
      const more = count > positions.length ? ", …" : "";
      const text = `shard ${shard}: ${count} skipped as ${reason} (${meanings[reason]}) at ${positions.join(", ")}${more}`;
      stdout.write(`${provesLoss ? out.paint("red", `${text}: EVENTS ARE MISSING`) : text}\n`);
    }
  }
}

const meanings: Readonly<Record<ShardReport["skipped"][number]["reason"], string>> = {
  "claim-too-low": "a claim that another one has forestalled; harmless",
  "older-term": "late, of an owner that had been deposed; harmless",
  repeated: "a copy of a frame that was sent twice; harmless",
  "other-claim": "of an owner whose claim did not count",
  "unknown-claim": "the claim of its owner is missing",
  gap: "the frame before it is missing",
  "not-a-frame": "something else wrote it; not read",
  damaged: "its checksum or structure is wrong",
  "newer-version": "written by a newer version; upgrade this program",
  foreign: "of another journal or shard; not read",
};
