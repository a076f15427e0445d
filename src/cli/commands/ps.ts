/** `troupe ps`: the newest runs, or the jobs of one. */
import type { ControlClient } from "../../server/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { duration } from "../render/duration.ts";
import { runWord } from "../render/job-line.ts";
import { JsonEvents } from "../render/json-events.ts";
import { summary } from "../render/summary.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface PsOptions {
  readonly data: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function ps(
  context: CliContext,
  runId: string | undefined,
  options: PsOptions,
): Promise<number> {
  return withClient(context, options.data, (client) =>
    runId === undefined
      ? listRuns(context, client, options)
      : showRun(context, { client, runId }, options),
  );
}

async function listRuns(
  context: CliContext,
  client: ControlClient,
  options: PsOptions,
): Promise<number> {
  const { runs } = await client.listRuns({ limit: options.limit });
  if (options.json === true) {
    for (const run of runs) {
      context.stdout.write(`${JSON.stringify({ ...run, status: runWord(run.status) })}\n`);
    }
    return exitCodes.ok;
  }
  if (runs.length === 0) {
    context.stdout.write("no runs yet; start one with: troupe submit <pipeline>\n");
    return exitCodes.ok;
  }
  const nowMs = context.nowMs();
  const rows = runs.map((run) => [
    run.runId,
    run.pipeline,
    runWord(run.status),
    `${run.jobsFinished}/${run.jobsTotal}`,
    duration((run.finishedAtMs || nowMs) - run.createdAtMs),
    new Date(run.createdAtMs).toISOString().slice(0, 19).replace("T", " "),
  ]);
  const header = ["RUN", "PIPELINE", "STATUS", "JOBS", "TOOK", "STARTED (UTC)"];
  context.stdout.write(`${table([header, ...rows]).join("\n")}\n`);
  return exitCodes.ok;
}

async function showRun(
  context: CliContext,
  { client, runId }: { readonly client: ControlClient; readonly runId: string },
  options: PsOptions,
): Promise<number> {
  const { run } = await client.getRun({ runId });
  if (run === undefined) return exitCodes.failed;
  if (options.json === true) {
    for (const event of new JsonEvents().of({ $case: "snapshot", value: run })) {
      context.stdout.write(`${JSON.stringify(event)}\n`);
    }
    return exitCodes.ok;
  }
  context.stdout.write(`${summary(run, context.out, context.nowMs()).join("\n")}\n`);
  return exitCodes.ok;
}
