/** What stands at the end of a run: a table of its jobs, its outputs, one closing line. */
import { JobStatus, type RunView } from "../../../proto/troupe/control/v1/control.ts";
import { duration } from "./duration.ts";
import { jobNotes, jobSymbol, jobTook, jobWord, paintRun } from "./job-line.ts";
import { countWords } from "./progress-tree.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";
import { usageText } from "./usage-text.ts";

/** A run of thousands is summed up: every job that did not succeed, and this many of all at most. */
const SUMMARY_JOBS_MAX = 60;

export function summary(run: RunView, style: Style, clockMs: number): string[] {
  const head = run.summary;
  if (head === undefined) return [];
  // A run that still goes on is summed up as of now.
  const nowMs = head.finishedAtMs || clockMs;
  const shown =
    run.jobs.length <= SUMMARY_JOBS_MAX
      ? run.jobs
      : run.jobs.filter((job) => job.status !== JobStatus.SUCCEEDED).slice(0, SUMMARY_JOBS_MAX);
  const counted = shown.some((job) => job.usage !== undefined);
  const rows = shown.map((job) => [
    `${jobSymbol(job.status, style)} ${job.name}`,
    jobWord(job.status),
    jobTook(job, nowMs),
    ...(counted ? [style.paint("dim", usageText(job.usage))] : []),
    style.paint("dim", jobNotes(job).join(", ")),
  ]);
  const lines = table(rows);
  const hidden = run.jobs.length - shown.length;
  if (hidden > 0) lines.push(style.paint("dim", `  and ${hidden} more`));
  const outputs = Object.entries(run.outputs);
  if (outputs.length > 0) {
    lines.push("", "outputs");
    lines.push(...table(outputs.map(([name, value]) => [`  ${name}`, value])));
  }
  const took = duration(nowMs - head.createdAtMs);
  lines.push(
    "",
    `${style.paint("bold", head.pipeline)} ${head.runId} ${paintRun(head.status, style)} in ${took} (${countWords(run.jobs)})`,
  );
  return lines;
}
