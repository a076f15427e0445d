/** Commands about who may connect: tokens, the deny list, the audit trail, the certificate authority. */
import type { Command } from "commander";
import { keyValues } from "../key-values.ts";
import { wholeNumber } from "../whole-number.ts";
import { type CommandHost, dataOption, jsonOption } from "./shared-options.ts";

export function addIdentityCommands(program: Command, host: CommandHost): void {
  addToken(program, host);
  addWorkers(program, host);
  addAudit(program, host);
  addAuthority(program, host);
}

function addToken(program: Command, host: CommandHost): void {
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
      const { createToken } = await import("../commands/create-token.ts");
      host.finish(await createToken(host.context, options));
    });
}

function addWorkers(program: Command, host: CommandHost): void {
  const workers = program
    .command("workers")
    .description("list the agents that the server knows")
    .addOption(dataOption())
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const listing = await import("../commands/workers.ts");
      host.finish(await listing.workers(host.context, options));
    });
  addDeny(workers, host);
}

/** A subcommand's `--data` is its parent's where the parent has one too: it may stand before or after. */
function addDeny(workers: Command, host: CommandHost): void {
  workers
    .command("deny")
    .argument("<worker>", "its id, as listed")
    .description("shut an agent out: its session ends at once, and it gets no other")
    .option("--reason <text>", "shown to it and in the audit trail", "denied by a person")
    .action(async (worker: string, _options, command: Command) => {
      const { denyAgent } = await import("../commands/deny-agent.ts");
      host.finish(await denyAgent(host.context, worker, command.optsWithGlobals()));
    });
  workers
    .command("allow")
    .argument("<worker>", "its id")
    .description("let a denied agent in again")
    .action(async (worker: string, _options, command: Command) => {
      const { allowAgent } = await import("../commands/deny-agent.ts");
      host.finish(await allowAgent(host.context, worker, command.optsWithGlobals()));
    });
}

function addAudit(program: Command, host: CommandHost): void {
  program
    .command("audit")
    .description("who was let in, refused or denied, and who tried to act for another")
    .addOption(dataOption())
    .option("-n, --limit <n>", "the newest n", wholeNumber("--limit", [1, 10_000]), 50)
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const { audit } = await import("../commands/audit.ts");
      host.finish(await audit(host.context, options));
    });
}

function addAuthority(program: Command, host: CommandHost): void {
  const authority = program
    .command("authority")
    .description("the built-in certificate authorities that are trusted")
    .addOption(dataOption())
    .option("--pem", "their certificates")
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const { listAuthorities } = await import("../commands/authority.ts");
      host.finish(await listAuthorities(host.context, options));
    });
  authority
    .command("rotate")
    .description("begin a new one; agents and servers move over by themselves")
    .option(
      "--overlap <seconds>",
      "how long the present one stays trusted; 0 = not at all, every agent enrols again (default: 16 days)",
      wholeNumber("--overlap", [0, 31_536_000]),
    )
    .action(async (_options, command: Command) => {
      const { rotateAuthority } = await import("../commands/authority.ts");
      host.finish(await rotateAuthority(host.context, command.optsWithGlobals()));
    });
}
