/** Commands that start runs and look at them. */
import type { Command } from "commander";
import { list } from "../key-values.ts";
import { regularExpression } from "../regular-expression.ts";
import { wholeNumber } from "../whole-number.ts";
import { addLogOutlineCommands } from "./log-outline-commands.ts";
import {
  type CommandHost,
  dataOption,
  jsonOption,
  parameterOption,
  timestampsOption,
  workspaceOption,
} from "./shared-options.ts";
import { addStoreOptions } from "./store-options.ts";

export function addRunCommands(program: Command, host: CommandHost): void {
  addRun(program, host);
  addSubmit(program, host);
  addWatch(program, host);
  addPs(program, host);
  addLogs(program, host);
  addLogOutlineCommands(program, host);
  addSummary(program, host);
  addArtifacts(program, host);
  addCancel(program, host);
}

function addRun(program: Command, host: CommandHost): void {
  addStoreOptions(program.command("run"))
    .argument("<pipeline>", "a .yaml, .ts or .js file")
    .description("run a pipeline here: server, agent and progress in one command")
    .addOption(parameterOption())
    .option(
      "-s, --secret <name>",
      "a secret, its value taken from the environment variable of that name; repeat for more",
      list,
      [],
    )
    .option("--secrets-file <file>", "secrets as NAME=value lines")
    .addOption(workspaceOption())
    .option("--slots <n>", "jobs at once", wholeNumber("--slots", [1, 256]))
    .option(
      "--data <folder>",
      "keep the journal and logs here (default: a new folder in .troupe/runs)",
    )
    .option(
      "--keep <n>",
      "how many earlier run folders to keep",
      wholeNumber("--keep", [0, 10_000]),
      20,
    )
    .option("-q, --quiet", "no log lines, only the progress")
    .addOption(timestampsOption())
    .addOption(jsonOption("events as JSON, one a line"))
    .action(async (file: string, options) => {
      const { run } = await import("../commands/run.ts");
      host.finish(await run(host.context, file, options));
    });
}

function addSubmit(program: Command, host: CommandHost): void {
  program
    .command("submit")
    .argument("<pipeline>", "a .yaml, .ts or .js file")
    .description("hand a pipeline to a running server")
    .addOption(dataOption())
    .addOption(parameterOption())
    .addOption(workspaceOption())
    .option("--id <id>", "the run's id; the same id twice is the same run")
    .option("--priority <n>", "higher runs first", wholeNumber("--priority", [-1_000, 1_000]), 0)
    .option("-w, --watch", "stay and show its progress")
    .option("-q, --quiet", "with --watch: no log lines")
    .addOption(timestampsOption("with --watch: "))
    .addOption(jsonOption("as JSON"))
    .action(async (file: string, options) => {
      const { submit } = await import("../commands/submit.ts");
      host.finish(await submit(host.context, file, options));
    });
}

function addWatch(program: Command, host: CommandHost): void {
  program
    .command("watch")
    .argument("<run>", "the run's id")
    .description("show the progress of a run until it ends")
    .addOption(dataOption())
    .option("-q, --quiet", "no log lines")
    .addOption(timestampsOption())
    .addOption(jsonOption("events as JSON, one a line"))
    .action(async (runId: string, options) => {
      const { watch } = await import("../commands/watch.ts");
      host.finish(await watch(host.context, runId, options));
    });
}

function addPs(program: Command, host: CommandHost): void {
  program
    .command("ps")
    .argument("[run]", "one run, with its jobs")
    .description("list runs, or the jobs of one")
    .addOption(dataOption())
    .option("-n, --limit <n>", "the newest n", wholeNumber("--limit", [1, 10_000]), 20)
    .addOption(jsonOption("as JSON"))
    .action(async (runId: string | undefined, options) => {
      const { ps } = await import("../commands/ps.ts");
      host.finish(await ps(host.context, runId, options));
    });
}

function addLogs(program: Command, host: CommandHost): void {
  program
    .command("logs")
    .argument("<run>", "the run's id")
    .argument("<job>", "the job's name")
    .description("print the log of a job, byte for byte")
    .addOption(dataOption())
    .option("-f, --follow", "go on until the attempt has ended")
    .option("--attempt <n>", "an earlier attempt", wholeNumber("--attempt", [1, 1_000_000]))
    .option(
      "--offset <bytes>",
      "start there",
      wholeNumber("--offset", [0, Number.MAX_SAFE_INTEGER]),
      0,
    )
    .option("--group <title>", "only the first group of that title, see troupe groups")
    .addOption(timestampsOption())
    .option(
      "--search <text>",
      "only the lines that hold this text, found at the server; exit code 1 where none does",
    )
    .option(
      "--grep <regexp>",
      "only the lines that match; exit code 1 where none does",
      regularExpression("--grep"),
    )
    .action(async (runId: string, job: string, options) => {
      const { logs } = await import("../commands/logs.ts");
      host.finish(await logs(host.context, { runId, job }, options));
    });
}

function addSummary(program: Command, host: CommandHost): void {
  program
    .command("summary")
    .argument("<run>", "the run's id")
    .argument("<job>", "the job's name")
    .description("print the markdown that a job wrote to $TROUPE_STEP_SUMMARY")
    .addOption(dataOption())
    .action(async (runId: string, job: string, options) => {
      const { summary } = await import("../commands/summary.ts");
      host.finish(await summary(host.context, { runId, job }, options));
    });
}

function addArtifacts(program: Command, host: CommandHost): void {
  program
    .command("artifacts")
    .argument("<run>", "the run's id")
    .argument("<job>", "the job's name")
    .description("bring the artifacts of a job into a folder")
    .addOption(dataOption())
    .option("--to <folder>", "made if it is not there", ".")
    .action(async (runId: string, job: string, options) => {
      const { artifacts } = await import("../commands/artifacts.ts");
      host.finish(await artifacts(host.context, { runId, job }, options));
    });
}

function addCancel(program: Command, host: CommandHost): void {
  program
    .command("cancel")
    .argument("<run>", "the run's id")
    .description("cancel a run: its jobs' process trees are stopped, finally jobs still run")
    .addOption(dataOption())
    .option("--reason <text>", "shown with the run", "cancelled by a person")
    .action(async (runId: string, options) => {
      const { cancel } = await import("../commands/cancel.ts");
      host.finish(await cancel(host.context, runId, options));
    });
}
