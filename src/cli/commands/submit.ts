/** `troupe submit`: hands a pipeline to a running server. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { followRun } from "../follow-run.ts";
import { loadPipeline } from "../pipeline-file.ts";
import { withClient } from "../with-client.ts";
import { uploadWorkspace } from "../workspace.ts";

export interface SubmitOptions {
  readonly data: string;
  readonly param: Readonly<Record<string, string>>;
  readonly id?: string;
  readonly workspace?: string;
  readonly priority: number;
  readonly watch?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly timestamps?: boolean;
}

export async function submit(
  context: CliContext,
  file: string,
  options: SubmitOptions,
): Promise<number> {
  const definition = await loadPipeline(context, file);
  return withClient(context, options.data, async (client) => {
    const { runId, created } = await client.submitRun({
      runId: options.id ?? "",
      pipelineJson: JSON.stringify(definition),
      parameters: { ...options.param },
      priority: options.priority,
      workspace: await uploadWorkspace(context, client, options.workspace),
    });
    if (options.watch === true) {
      return followRun(
        context,
        { client, runId },
        {
          quiet: options.quiet === true,
          json: options.json === true,
          timestamps: options.timestamps === true,
          onInterrupt: "leave",
        },
      );
    }
    if (options.json === true) {
      context.stdout.write(`${JSON.stringify({ runId, created })}\n`);
    } else {
      context.stdout.write(`${runId}\n`);
      if (!created) context.stderr.write("this run was submitted before; nothing was done\n");
    }
    return exitCodes.ok;
  });
}
