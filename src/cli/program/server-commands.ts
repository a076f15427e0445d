/** Commands that make a server or an agent, or look into a server. */
import type { Command } from "commander";
import { keyValues } from "../key-values.ts";
import { wholeNumber } from "../whole-number.ts";
import { addRetentionOptions } from "./retention-options.ts";
import { type CommandHost, dataOption, jsonOption } from "./shared-options.ts";
import { addStoreOptions } from "./store-options.ts";

export function addServerCommands(program: Command, host: CommandHost): void {
  addDev(program, host);
  addAgent(program, host);
  addActors(program, host);
}

function addDev(program: Command, host: CommandHost): void {
  addRetentionOptions(addStoreOptions(program.command("dev")))
    .description("a server on a data folder, with agents started on demand on this machine")
    .addOption(dataOption())
    .option(
      "-l, --listen <host:port>",
      "where agents dial in; with TLS if other machines can",
      "127.0.0.1:7447",
    )
    .option(
      "--advertise <name[:port]>",
      "what agents elsewhere call this server (default: the address, or this machine's name for 0.0.0.0)",
    )
    .option("--tls", "TLS also on loopback")
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
    .option("--metrics <host:port>", "serve figures for Prometheus here, under /metrics")
    .option("--secrets-file <file>", "secrets as NAME=value lines")
    .action(async (options) => {
      const { dev } = await import("../commands/dev.ts");
      host.finish(await dev(host.context, options));
    });
}

function addAgent(program: Command, host: CommandHost): void {
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
    .option("--tls-ca <file>", "authorities that the server's certificate may be of (PEM)")
    .option("--plaintext", "no TLS to a server on another machine: secrets travel in the clear")
    .action(async (options) => {
      const { agent } = await import("../commands/agent.ts");
      host.finish(await agent(host.context, options));
    });
}

function addActors(program: Command, host: CommandHost): void {
  program
    .command("actors")
    .description("the tree of a running server's actors: state, mailbox, restarts, last failure")
    .addOption(dataOption())
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const { actors } = await import("../commands/actors.ts");
      host.finish(await actors(host.context, options));
    });
}
