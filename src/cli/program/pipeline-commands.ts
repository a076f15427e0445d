/** Commands about a pipeline file alone. */
import { type Command, Option } from "commander";
import { type CommandHost, jsonOption } from "./shared-options.ts";

export function addPipelineCommands(program: Command, host: CommandHost): void {
  addValidate(program, host);
  addGraph(program, host);
}

function addValidate(program: Command, host: CommandHost): void {
  program
    .command("validate")
    .argument("<pipeline...>", ".yaml, .ts or .js files")
    .description("say what is wrong with pipelines, and where")
    .addOption(jsonOption("problems as JSON"))
    .action(async (files: string[], options) => {
      const { validate } = await import("../commands/validate.ts");
      host.finish(await validate(host.context, files, options));
    });
}

function addGraph(program: Command, host: CommandHost): void {
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
      const { graph } = await import("../commands/graph.ts");
      host.finish(await graph(host.context, file, options));
    });
}
