#!/usr/bin/env node
/** `troupe`: the command line. Each command is loaded when it is asked for, so that help is instant. */
import { Command, CommanderError } from "commander";
import { type CliContext, processContext } from "./cli-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { reportFailure } from "./failure.ts";
import { packageVersion } from "./package-version.ts";
import { addCacheCommands } from "./program/cache-commands.ts";
import { addIdentityCommands } from "./program/identity-commands.ts";
import { addJournalCommands } from "./program/journal-commands.ts";
import { addPipelineCommands } from "./program/pipeline-commands.ts";
import { addRunCommands } from "./program/run-commands.ts";
import { addServerCommands } from "./program/server-commands.ts";

const context = processContext();
process.stdout.on("error", loseOutput);
const exitCode = await main(process.argv.slice(2), context).catch((error: unknown) =>
  reportFailure(error, context),
);
// A pipeline's module may have left timers or sockets behind: all that matters is written, so this is the end.
// An error of the last writes is told only after their callbacks: hence the turn between.
process.stdout.write("", () =>
  setImmediate(() => process.exit(context.outputLoss.exitCode(exitCode))),
);

/** A command that has nothing to bring to an end is over with its output. */
function loseOutput(error: NodeJS.ErrnoException): void {
  const { outputLoss, stderr, err } = context;
  const isFirst = outputLoss.cause === undefined;
  const leavesItself = outputLoss.take(error);
  if (isFirst && outputLoss.isFailure) {
    const label = err.paint("red", "error");
    stderr.write(`${label}: standard output cannot be written: ${error.message}\n`);
  }
  if (!leavesItself) process.exit(outputLoss.exitCode(exitCodes.ok));
}

async function main(args: readonly string[], context: CliContext): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const host = {
    context,
    finish(code: number): void {
      exitCode = code;
    },
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

Exit codes: 0 done, 1 failed, 2 wrong command line or pipeline, 3 cancelled, 130 interrupted.
NO_COLOR turns colours off; without a terminal the output is plain lines.`,
  );
  addRunCommands(program, host);
  addServerCommands(program, host);
  addCacheCommands(program, host);
  addIdentityCommands(program, host);
  addPipelineCommands(program, host);
  addJournalCommands(program, host);
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
