/** `troupe graph`: the jobs and what needs what. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { loadPipeline } from "../pipeline-file.ts";
import { graphDot, graphMermaid, graphText } from "../render/graph-text.ts";

export interface GraphOptions {
  readonly format: "text" | "mermaid" | "dot" | "json";
}

export async function graph(
  context: CliContext,
  file: string,
  options: GraphOptions,
): Promise<number> {
  const definition = await loadPipeline(context, file);
  context.stdout.write(`${render()}\n`);
  return exitCodes.ok;

  function render(): string {
    switch (options.format) {
      case "text":
        return graphText(definition, context.out).join("\n");
      case "mermaid":
        return graphMermaid(definition).join("\n");
      case "dot":
        return graphDot(definition).join("\n");
      case "json":
        return JSON.stringify(definition, null, 2);
    }
  }
}
