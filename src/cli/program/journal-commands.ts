/** `troupe journal …`: looking into a journal, proving it. */
import type { Command } from "commander";
import { list } from "../key-values.ts";
import { wholeNumber } from "../whole-number.ts";
import { type CommandHost, dataOption, jsonOption } from "./shared-options.ts";
import { addKafkaOptions, replicationOption } from "./store-options.ts";

export function addJournalCommands(program: Command, host: CommandHost): void {
  const journal = program
    .command("journal")
    .description("look into a journal, also while its server runs: inspect, tail, verify, …");
  addInspect(journal, host);
  addTail(journal, host);
  addVerify(journal, host);
  addExport(journal, host);
  addReplay(journal, host);
  addBackup(journal, host);
  addRestore(journal, host);
  addImport(journal, host);
}

/** A command that reads one journal. */
function reading(journal: Command, name: string): Command {
  const kafka = "read the journal on this Kafka topic instead; nothing is made or written there";
  return addKafkaOptions(journal.command(name).addOption(dataOption()), kafka);
}

const shardNumber = wholeNumber("--shard", [0, 65_534]);

function addInspect(journal: Command, host: CommandHost): void {
  reading(journal, "inspect")
    .description(
      "what is in each shard: frames, events, owner, checkpoint; what was skipped and why",
    )
    .option("--shard <n>", "this one alone", shardNumber)
    .option("--frames", "every frame, a line each")
    .addOption(jsonOption("as JSON, a shard or a frame a line"))
    .action(async (options) => {
      const { inspect } = await import("../commands/journal/inspect.ts");
      host.finish(await inspect(host.context, options));
    });
}

function addChoice(command: Command): Command {
  return command
    .option("--shard <n>", "of this shard alone", shardNumber)
    .option("--type <name>", "events of this type; repeat for more", list, [])
    .option("--id <persistence id>", "of this entity; repeat for more", list, [])
    .option("--tag <tag>", "with this tag; repeat for more", list, []);
}

function addTail(journal: Command, host: CommandHost): void {
  addChoice(reading(journal, "tail"))
    .description("events as they are committed, until Ctrl-C")
    .option("--from <place>", "now, start, or a position of the shard of --shard", "now")
    .addOption(jsonOption("events as JSON, one a line"))
    .action(async (options) => {
      const { tail } = await import("../commands/journal/tail.ts");
      host.finish(await tail(host.context, options));
    });
}

function addVerify(journal: Command, host: CommandHost): void {
  reading(journal, "verify")
    .description("prove it: checksums, claims, numbers, chains, checkpoints; exit code 1 on damage")
    .option("--shard <n>", "this shard alone, and all files", shardNumber)
    .addOption(jsonOption("the proof as one JSON document"))
    .action(async (options) => {
      const { verify } = await import("../commands/journal/verify.ts");
      host.finish(await verify(host.context, options));
    });
}

function addExport(journal: Command, host: CommandHost): void {
  addChoice(reading(journal, "export"))
    .description("every event that counts, as JSON lines")
    .action(async (options) => {
      const { exportEvents } = await import("../commands/journal/export.ts");
      host.finish(await exportEvents(host.context, options));
    });
}

function addReplay(journal: Command, host: CommandHost): void {
  reading(journal, "replay")
    .argument("<persistence id>", 'such as "pipeline-run/…" or "account/alice"')
    .description("an entity's past: each event, and the state after it")
    .option("--to <n>", "up to this event", wholeNumber("--to", [1, Number.MAX_SAFE_INTEGER]))
    .option("--at <time>", "up to what had happened then, such as 2026-01-31T12:00:00Z")
    .option("--module <file>", "a .ts or .js file that exports your definitions")
    .option("--no-state", "events alone")
    .addOption(jsonOption("as JSON, an event a line"))
    .action(async (persistenceId: string, options) => {
      const { replay } = await import("../commands/journal/replay.ts");
      host.finish(await replay(host.context, persistenceId, options));
    });
}

function addBackup(journal: Command, host: CommandHost): void {
  journal
    .command("backup")
    .argument("<folder>", "a server's data folder, also while the server runs")
    .argument("<file>", "where to; must not be there yet")
    .description("the journal of a data folder as one file with a checksum")
    .action(async (folder: string, file: string) => {
      const { backup } = await import("../commands/journal/backup.ts");
      host.finish(await backup(host.context, folder, file));
    });
}

function addRestore(journal: Command, host: CommandHost): void {
  journal
    .command("restore")
    .argument("<file>", "a backup")
    .argument("<folder>", "the data folder to make; must be empty or not there")
    .description("a data folder with the journal of a backup, under an id of its own; verified")
    .action(async (file: string, folder: string) => {
      const { restore } = await import("../commands/journal/backup.ts");
      host.finish(await restore(host.context, file, folder));
    });
}

function addImport(journal: Command, host: CommandHost): void {
  const command = journal.command("import").addOption(dataOption());
  addKafkaOptions(command, "the brokers to import to; the topic must be new")
    .addOption(replicationOption())
    .description(
      "copy the journal of a data folder to a Kafka topic, and prove that both are the same",
    )
    .action(async (options) => {
      const { importToKafka } = await import("../commands/journal/import-to-kafka.ts");
      host.finish(await importToKafka(host.context, options));
    });
}
