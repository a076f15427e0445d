/** Commands that list what jobs have said in their logs. */
import { type Command, Option } from "commander";
import { wholeNumber } from "../whole-number.ts";
import { type CommandHost, dataOption, jsonOption } from "./shared-options.ts";

export function addLogOutlineCommands(program: Command, host: CommandHost): void {
  program
    .command("annotations")
    .argument("<run>", "the run's id")
    .argument("[job]", "one job's; default: those of all jobs")
    .description("list the errors, warnings and notices that jobs have annotated")
    .addOption(dataOption())
    .addOption(attemptOption())
    .addOption(
      new Option("--severity <severity>", "only these").choices(["error", "warning", "notice"]),
    )
    .addOption(jsonOption("as JSON, one a line"))
    .action(async (runId: string, job: string | undefined, options) => {
      const { annotations } = await import("../commands/annotations.ts");
      host.finish(await annotations(host.context, { runId, job }, options));
    });
  program
    .command("groups")
    .argument("<run>", "the run's id")
    .argument("<job>", "the job's name")
    .description("list the groups of a job's log: where they are and how long they took")
    .addOption(dataOption())
    .addOption(attemptOption())
    .addOption(jsonOption("as JSON, one a line"))
    .action(async (runId: string, job: string, options) => {
      const { groups } = await import("../commands/groups.ts");
      host.finish(await groups(host.context, { runId, job }, options));
    });
}

function attemptOption(): Option {
  const option = new Option("--attempt <n>", "an earlier attempt");
  return option.argParser(wholeNumber("--attempt", [1, 1_000_000]));
}
