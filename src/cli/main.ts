#!/usr/bin/env node
/** `troupe`: the command line. Each command is loaded when it is asked for, so that help is instant. */
import { Command, CommanderError, Option } from "commander";
import { type CliContext, processContext } from "./cli-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { reportFailure } from "./failure.ts";
import { keyValues, list } from "./key-values.ts";
import { packageVersion } from "./package-version.ts";
import { wholeNumber } from "./whole-number.ts";

const context = processContext();
try {
  process.exitCode = await main(process.argv.slice(2), context);
} catch (error) {
  process.exitCode = reportFailure(error, context);
}

async function main(args: readonly string[], context: CliContext): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const finish = (code: number): void => {
    exitCode = code;
  };
  const program = new Command("troupe")
    .description("Durable actors, pipelines and remote agents.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help of a command")
    .showHelpAfterError("(troupe --help shows what there is)")
    .configureOutput({ writeErr: (text) => context.stderr.write(text) })
    .exitOverride();
  program.addHelpText(
    "after",
    `
Start here:
  troupe run examples/demo.yaml      run a pipeline here and now, nothing else needed
  troupe validate my.yaml            say what is wrong with it, and where
  troupe dev                         a server on ./.troupe; then: submit, ps, logs, cancel

Exit codes: 0 done, 1 failed, 2 wrong command line or pipeline, 3 cancelled.
NO_COLOR turns colours off; without a terminal the output is plain lines.`,
  );
  addRunCommands(program, context, finish);
  addServerCommands(program, context, finish);
  addPipelineCommands(program, context, finish);
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.invalid;
    }
    throw error;
  }
  return exitCode;
}

type Finish = (exitCode: number) => void;

function dataOption(): Option {
  return new Option("-d, --data <folder>", "the server's data folder")
    .default(".troupe")
    .env("TROUPE_DATA");
}

function parameterOption(): Option {
  return new Option("-p, --param <name=value>", "a parameter of the pipeline; repeat for more")
    .argParser(keyValues("--param"))
    .default({}, "none");
}

function jsonOption(what: string): Option {
  return new Option("--json", what);
}

function addRunCommands(program: Command, context: CliContext, finish: Finish): void {
  program
    .command("run")
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
    .addOption(jsonOption("events as JSON, one a line"))
    .action(async (file: string, options) => {
      const { run } = await import("./commands/run.ts");
      finish(await run(context, file, options));
    });
  program
    .command("submit")
    .argument("<pipeline>", "a .yaml, .ts or .js file")
    .description("hand a pipeline to a running server")
    .addOption(dataOption())
    .addOption(parameterOption())
    .option("--id <id>", "the run's id; the same id twice is the same run")
    .option("--priority <n>", "higher runs first", wholeNumber("--priority", [-1_000, 1_000]), 0)
    .option("-w, --watch", "stay and show its progress")
    .option("-q, --quiet", "with --watch: no log lines")
    .addOption(jsonOption("as JSON"))
    .action(async (file: string, options) => {
      const { submit } = await import("./commands/submit.ts");
      finish(await submit(context, file, options));
    });
  program
    .command("watch")
    .argument("<run>", "the run's id")
    .description("show the progress of a run until it ends")
    .addOption(dataOption())
    .option("-q, --quiet", "no log lines")
    .addOption(jsonOption("events as JSON, one a line"))
    .action(async (runId: string, options) => {
      const { watch } = await import("./commands/watch.ts");
      finish(await watch(context, runId, options));
    });
  program
    .command("ps")
    .argument("[run]", "one run, with its jobs")
    .description("list runs, or the jobs of one")
    .addOption(dataOption())
    .option("-n, --limit <n>", "the newest n", wholeNumber("--limit", [1, 10_000]), 20)
    .addOption(jsonOption("as JSON"))
    .action(async (runId: string | undefined, options) => {
      const { ps } = await import("./commands/ps.ts");
      finish(await ps(context, runId, options));
    });
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
    .action(async (runId: string, job: string, options) => {
      const { logs } = await import("./commands/logs.ts");
      finish(await logs(context, { runId, job }, options));
    });
  program
    .command("cancel")
    .argument("<run>", "the run's id")
    .description("cancel a run: its jobs' process trees are stopped, finally jobs still run")
    .addOption(dataOption())
    .option("--reason <text>", "shown with the run", "cancelled by a person")
    .action(async (runId: string, options) => {
      const { cancel } = await import("./commands/cancel.ts");
      finish(await cancel(context, runId, options));
    });
}

function addServerCommands(program: Command, context: CliContext, finish: Finish): void {
  program
    .command("dev")
    .description("a server on a data folder, with agents started on demand on this machine")
    .addOption(dataOption())
    .option("-l, --listen <host:port>", "where agents dial in", "127.0.0.1:7447")
    .option(
      "--agents <n>",
      "agents started on demand at most; 0 = only those you start",
      wholeNumber("--agents", [0, 1_000]),
      1,
    )
    .option("--slots <n>", "jobs at once on each", wholeNumber("--slots", [1, 256]))
    .option(
      "--lease <ms>",
      "an agent silent for this long is lost, its jobs are queued again",
      wholeNumber("--lease", [500, 3_600_000]),
    )
    .option("--secrets-file <file>", "secrets as NAME=value lines")
    .action(async (options) => {
      const { dev } = await import("./commands/dev.ts");
      finish(await dev(context, options));
    });
  program
    .command("agent")
    .description("an agent: dials a server and runs its jobs")
    .requiredOption("--server <host:port>", "the server's agent address")
    .option("--token-file <file>", "the one-time token (else TROUPE_TOKEN, else standard input)")
    .option("--name <name>", "shown to people (default: this machine's name)")
    .option("--label <name=value>", "what jobs ask for; repeat for more", keyValues("--label"), {})
    .option("--slots <n>", "jobs at once", wholeNumber("--slots", [1, 256]))
    .option("--work-dir <folder>", "where attempts get their folders")
    .option("--state-dir <folder>", "where the agent keeps its identity and unsent logs")
    .action(async (options) => {
      const { agent } = await import("./commands/agent.ts");
      finish(await agent(context, options));
    });
  const token = program.command("token").description("one-time tokens that let an agent in");
  token
    .command("create")
    .description("print a token; it is shown once and used once")
    .addOption(dataOption())
    .option(
      "--ttl <seconds>",
      "how long it can be used",
      wholeNumber("--ttl", [1, 31_536_000]),
      900,
    )
    .option(
      "--label <name=value>",
      "bind the agent to these labels; repeat for more",
      keyValues("--label"),
      {},
    )
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const { createToken } = await import("./commands/create-token.ts");
      finish(await createToken(context, options));
    });
  program
    .command("workers")
    .description("list the agents that the server knows")
    .addOption(dataOption())
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const { workers } = await import("./commands/workers.ts");
      finish(await workers(context, options));
    });
  program
    .command("actors")
    .description("the tree of a running server's actors: state, mailbox, restarts, last failure")
    .addOption(dataOption())
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const { actors } = await import("./commands/actors.ts");
      finish(await actors(context, options));
    });
}

function addPipelineCommands(program: Command, context: CliContext, finish: Finish): void {
  program
    .command("validate")
    .argument("<pipeline...>", ".yaml, .ts or .js files")
    .description("say what is wrong with pipelines, and where")
    .addOption(jsonOption("problems as JSON"))
    .action(async (files: string[], options) => {
      const { validate } = await import("./commands/validate.ts");
      finish(await validate(context, files, options));
    });
  program
    .command("graph")
    .argument("<pipeline>", "a .yaml, .ts or .js file")
    .description("show the jobs and what needs what")
    .addOption(
      new Option("--format <format>", "how")
        .choices(["text", "mermaid", "dot", "json"])
        .default("text"),
    )
    .action(async (file: string, options) => {
      const { graph } = await import("./commands/graph.ts");
      finish(await graph(context, file, options));
    });
}
