/** Commands about what jobs keep for later runs. */
import type { Command } from "commander";
import { wholeNumber } from "../whole-number.ts";
import { type CommandHost, dataOption, jsonOption } from "./shared-options.ts";

export function addCacheCommands(program: Command, host: CommandHost): void {
  const caches = program
    .command("caches")
    .description("list what jobs have cached for later runs, the last used first")
    .addOption(dataOption())
    .option("--pipeline <name>", "only those of this pipeline")
    .option("-n, --limit <n>", "the last used n", wholeNumber("--limit", [1, 10_000]), 50)
    .addOption(jsonOption("as JSON"))
    .action(async (options) => {
      const listing = await import("../commands/caches.ts");
      host.finish(await listing.caches(host.context, options));
    });
  addDelete(caches, host);
}

/** `--data` and `--pipeline` are its parent's: they may stand before or after. */
function addDelete(caches: Command, host: CommandHost): void {
  caches
    .command("delete")
    .argument("[key...]", "keys, as listed; with --pipeline only those of that pipeline")
    .description("delete caches by their keys, or all of --pipeline <name> with --all")
    .option("--all", "all caches of --pipeline <name>")
    .action(async (keys: string[], _options, command: Command) => {
      const { deleteCaches } = await import("../commands/delete-caches.ts");
      host.finish(await deleteCaches(host.context, keys, command.optsWithGlobals()));
    });
}
