/**
 * `troupe journal import`: the journal of a data folder onto a Kafka topic. The topic becomes a journal only when both
 * have been compared; until then no server opens it, and the same command goes on with what an interrupted one left.
 */
import { resolve } from "node:path";
import { isTroupeError } from "../../../actors/kernel/index.ts";
import {
  allShards,
  type ImportReport,
  importJournal,
  type Journal,
  type KafkaImport,
  type KafkaOptions,
  openEmbeddedJournal,
  openKafkaImport,
  verifyEmbeddedJournal,
  verifyJournal,
} from "../../../actors/persistence/index.ts";
import { connectControl, journalMovedToKafka } from "../../../server/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { cliLogger } from "../../logger.ts";
import { readKafka } from "../../stores.ts";
import { UsageError } from "../../usage-error.ts";
import { journalDirectory, type SourceOptions } from "./journal-source.ts";
import { proofLines } from "./verify.ts";

export async function importToKafka(context: CliContext, options: SourceOptions): Promise<number> {
  const directory = journalDirectory(context, options.data);
  const { kafka } = await readKafka(context, options);
  if (kafka === undefined) throw new UsageError("say where to: --kafka <host:port,...>");
  await refuseRunningServer(context, options.data);
  const proof = await verifyEmbeddedJournal(directory);
  if (proof.damages.length > 0) {
    context.stdout.write(`${proofLines(context, directory, proof).join("\n")}\n`);
    context.stderr.write("a damaged journal is not imported\n");
    return exitCodes.failed;
  }
  const source = await openEmbeddedJournal({ directory, readOnly: true });
  try {
    return await copy(context, { source, kafka, options });
  } finally {
    await source.close();
  }
}

async function refuseRunningServer(context: CliContext, data: string): Promise<void> {
  try {
    (await connectControl({ dataDir: resolve(context.cwd, data) })).close();
  } catch (error) {
    if (isTroupeError(error, "TROUPE_SERVER_UNREACHABLE")) return;
    throw error;
  }
  throw new UsageError(`a server runs on "${data}" and goes on writing there; stop it first`);
}

interface Copy {
  readonly source: Journal;
  readonly kafka: KafkaOptions;
  readonly options: SourceOptions;
}

async function copy(context: CliContext, { source, kafka, options }: Copy): Promise<number> {
  const { journalId, shards } = source;
  const tails = await Promise.all(allShards(source).map((shard) => source.tail(shard)));
  const lows = tails.map(({ low }) => low);
  const logger = cliLogger(context);
  const target = await openKafkaImport({ ...kafka, logger }, { journalId, shards, lows });
  const topic = kafka.topic ?? "troupe-journal";
  try {
    const goesOn = target.isResumed ? " (going on with an import that was interrupted)" : "";
    context.stderr.write(`copying ${shards} shards of ${journalId} to topic ${topic}${goesOn}\n`);
    const report = await importJournal(source, target.journal);
    return await conclude(context, { target, report, options, topic });
  } finally {
    await target.journal.close();
  }
}

async function conclude(
  context: CliContext,
  {
    target,
    report,
    options,
    topic,
  }: {
    readonly target: KafkaImport;
    readonly report: ImportReport;
    readonly options: SourceOptions;
    readonly topic: string;
  },
): Promise<number> {
  const { stdout, err, stderr } = context;
  const proof = await verifyJournal(target.journal);
  stdout.write(`${proofLines(context, `topic ${topic}`, proof).join("\n")}\n`);
  const different = report.comparisons.filter(({ difference }) => difference !== undefined);
  for (const { shard, difference } of different) {
    stderr.write(`${err.paint("red", "different")}: shard ${shard}: ${difference}\n`);
  }
  if (proof.damages.length > 0 || different.length > 0) {
    stderr.write(
      "the topic stays closed to servers. If the source was written to meanwhile, run the same import again; else delete the topic\n",
    );
    return exitCodes.failed;
  }
  await target.complete();
  await journalMovedToKafka(resolve(context.cwd, options.data), target.journal.journalId);
  const sum = (pick: (contents: { events: number; entities: number }) => number): number =>
    report.comparisons.reduce((total, { contents }) => total + pick(contents), 0);
  stdout.write(
    `the same in both: ${sum(({ events }) => events)} events of ${sum(({ entities }) => entities)} entities, ${report.copied} copied now\n` +
      `  troupe dev --data ${options.data} --kafka ${options.kafka} --kafka-topic ${topic}\n`,
  );
  return exitCodes.ok;
}
