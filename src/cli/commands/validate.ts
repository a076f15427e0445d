/** `troupe validate`: what is wrong with pipelines, and where. */
import { isTroupeError } from "../../actors/kernel/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { loadPipeline } from "../pipeline-file.ts";

export interface ValidateOptions {
  readonly json?: boolean;
}

export async function validate(
  context: CliContext,
  files: readonly string[],
  options: ValidateOptions,
): Promise<number> {
  let exitCode: number = exitCodes.ok;
  for (const file of files) {
    try {
      const definition = await loadPipeline(context, file);
      const count = definition.jobs.length;
      const found = { file, pipeline: definition.name, jobs: count, problems: [] };
      context.stdout.write(
        options.json === true
          ? `${JSON.stringify(found)}\n`
          : `${file}: ${definition.name}, ${count} ${count === 1 ? "job" : "jobs"}, nothing wrong\n`,
      );
    } catch (error) {
      if (!isTroupeError(error, "TROUPE_PIPELINE_INVALID")) throw error;
      exitCode = exitCodes.invalid;
      if (options.json === true) {
        context.stdout.write(`${JSON.stringify({ file, problems: error.details.problems })}\n`);
      } else {
        context.stderr.write(`${error.message}\n`);
      }
    }
  }
  return exitCode;
}
