/**
 * The live picture of a run: pure, from what is known of it to lines of text.
 * It never grows beyond the terminal: what runs comes first, then what failed, then the rest,
 * and a count stands for what has no room.
 */
import { JobStatus, type JobView, type RunView } from "../../../proto/troupe/control/v1/control.ts";
import { duration } from "./duration.ts";
import { hasEnded, jobNotes, jobSymbol, jobTook, jobWord, paintRun } from "./job-line.ts";
import type { Style } from "./style.ts";
import { clip, table } from "./table.ts";

export interface ProgressOptions {
  readonly nowMs: number;
  readonly frame: number;
  /** Lines that may be used; at least 3. */
  readonly rowsMax: number;
}

export function progressTree(run: RunView, style: Style, options: ProgressOptions): string[] {
  const { jobs, summary } = run;
  if (summary === undefined) return [];
  const room = Math.max(1, options.rowsMax - 2);
  const shown = jobs.length <= room ? jobs : mostTelling(jobs, room);
  const rows = shown.map((job) => [
    `  ${jobSymbol(job.status, style, options.frame)} ${style.paint(emphasis(job), job.name)}`,
    style.paint("dim", jobTook(job, options.nowMs)),
    style.paint("dim", jobNotes(job).join(", ")),
  ]);
  const lines = [heading(run, style, options.nowMs), ...table(rows)];
  const hidden = jobs.length - shown.length;
  if (hidden > 0) lines.push(style.paint("dim", `    and ${hidden} more`));
  return lines.map((line) => clip(line, style.columns));
}

function heading(run: RunView, style: Style, nowMs: number): string {
  const { summary } = run;
  if (summary === undefined) return "";
  const took = duration((summary.finishedAtMs || nowMs) - summary.createdAtMs);
  const counts = countWords(run.jobs);
  return `${style.paint("bold", summary.pipeline)} ${style.paint("dim", summary.runId)}  ${paintRun(summary.status, style)}  ${took}  ${style.paint("dim", counts)}`;
}

/** `4 of 9 done, 2 running, 1 failed` */
export function countWords(jobs: readonly JobView[]): string {
  const ended = jobs.filter((job) => hasEnded(job.status)).length;
  const parts = [`${ended} of ${jobs.length} done`];
  for (const status of [JobStatus.RUNNING, JobStatus.RETRYING, JobStatus.FAILED] as const) {
    const count = jobs.filter((job) => job.status === status).length;
    if (count > 0) parts.push(`${count} ${jobWord(status)}`);
  }
  return parts.join(", ");
}

function emphasis(job: JobView): Parameters<Style["paint"]>[0] {
  if (job.status === JobStatus.RUNNING) return "bold";
  if (job.status === JobStatus.FAILED) return "red";
  return hasEnded(job.status) || job.status === JobStatus.WAITING ? "dim" : "reset";
}

const TELLING: Readonly<Record<JobStatus, number>> = {
  [JobStatus.RUNNING]: 0,
  [JobStatus.RETRYING]: 1,
  [JobStatus.FAILED]: 2,
  [JobStatus.ASSIGNED]: 3,
  [JobStatus.CANCELLED]: 4,
  [JobStatus.QUEUED]: 5,
  [JobStatus.WAITING]: 6,
  [JobStatus.SKIPPED]: 7,
  [JobStatus.SUCCEEDED]: 8,
  [JobStatus.UNSPECIFIED]: 9,
};

function mostTelling(jobs: readonly JobView[], room: number): JobView[] {
  return jobs
    .map((job, index) => ({ job, index }))
    .sort((a, b) => TELLING[a.job.status] - TELLING[b.job.status] || a.index - b.index)
    .slice(0, Math.max(0, room - 1))
    .sort((a, b) => a.index - b.index)
    .map(({ job }) => job);
}
