/** `troupe journal verify`: whether the journal is whole, and where it is not. */
import {
  type FolderSurvey,
  type JournalProof,
  verifyEmbeddedJournal,
  verifyJournal,
} from "../../../actors/persistence/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { byteSize } from "../../render/byte-size.ts";
import { journalDirectory, type SourceOptions, withSource } from "./journal-source.ts";

export interface VerifyCommandOptions extends SourceOptions {
  readonly shard?: number;
  readonly json?: boolean;
}

export async function verify(context: CliContext, options: VerifyCommandOptions): Promise<number> {
  const { name, proof } = await prove(context, options);
  if (options.json === true) context.stdout.write(`${JSON.stringify(proof)}\n`);
  else context.stdout.write(`${proofLines(context, name, proof).join("\n")}\n`);
  return proof.damages.length === 0 ? exitCodes.ok : exitCodes.failed;
}

async function prove(
  context: CliContext,
  options: VerifyCommandOptions,
): Promise<{ readonly name: string; readonly proof: JournalProof }> {
  const shards = options.shard === undefined ? {} : { shards: [options.shard] };
  if (options.kafka !== undefined) {
    return withSource(context, options, async ({ journal, name }) => {
      return { name, proof: await verifyJournal(journal, shards) };
    });
  }
  // Not through `withSource`: a journal that is too damaged to be opened can still be looked at.
  const name = journalDirectory(context, options.data);
  return { name, proof: await verifyEmbeddedJournal(name, shards) };
}

export function proofLines({ out }: CliContext, name: string, proof: JournalProof): string[] {
  const { journalId, files, shards, damages } = proof;
  const lines = [`journal ${name}, id ${journalId}`];
  if (files !== undefined) lines.push(...fileLines(files));
  const skipped = skippedList(shards);
  if (skipped !== "") lines.push(`frames that rightly do not count: ${skipped}`);
  const read = totals(shards);
  if (damages.length === 0) return [...lines, `${out.paint("green", "sound")}: ${read}`];
  for (const { where, problem, shards: met } of damages) {
    lines.push(`${out.paint("red", "damaged")}: ${where}`, `  ${problem}`);
    if (met.length > 1) lines.push(`  met by the readers of ${shardList(met)}`);
  }
  lines.push(`sound before the first damage of each shard: ${read}`);
  const advice =
    "Stop what writes here, keep a copy of it as it is, and restore a backup beside it:";
  return [...lines, advice, "  troupe journal restore <file> <new folder>"];
}

type Proofs = JournalProof["shards"];

function totals(shards: Proofs): string {
  const sum = (pick: (shard: Proofs[number]) => number): number =>
    shards.reduce((total, shard) => total + pick(shard), 0);
  const frames = sum((shard) => shard.frames);
  const events = sum((shard) => shard.events);
  const entities = sum((shard) => shard.entities);
  return `${shards.length} shards, ${frames} frames, ${events} events of ${entities} entities`;
}

function skippedList(shards: Proofs): string {
  const counts = new Map<string, number>();
  for (const [reason, count] of shards.flatMap(({ skipped }) => Object.entries(skipped))) {
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  }
  return [...counts].map(([reason, count]) => `${count} ${reason}`).join(", ");
}

function fileLines({ files, missingNext }: FolderSurvey): string[] {
  const bytes = files.reduce((total, file) => total + file.bytes, 0);
  const batches = files.reduce((total, file) => total + file.batches, 0);
  const count = `${files.length} ${files.length === 1 ? "file" : "files"}`;
  const lines = [`${count}, ${byteSize(bytes)}, ${batches} batches whose checksums hold`];
  for (const { path, unfinishedBytes, openBytes } of files) {
    if (unfinishedBytes > 0) {
      lines.push(
        `note: ${path}: ${unfinishedBytes} bytes of a write that never finished, stepped over`,
      );
    }
    if (openBytes > 0) {
      lines.push(
        `note: ${path}: the last ${openBytes} bytes are no whole batch: a write that is under way or never finished; if nothing crashed here, damage`,
      );
    }
  }
  if (missingNext !== undefined) {
    lines.push(
      `note: the file that should come next, ${missingNext}, is not there: its writer stopped at that very moment, or it was removed`,
    );
  }
  return lines;
}

function shardList(shards: readonly number[]): string {
  const shown = shards.slice(0, 16).join(", ");
  const more = shards.length > 16 ? ` and ${shards.length - 16} more` : "";
  return `${shards.length === 1 ? "shard" : "shards"} ${shown}${more}`;
}
