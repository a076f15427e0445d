/** One job, one line: symbol, name, time, and what a person wants to know next. */
import { JobStatus, type JobView, RunStatus } from "../../../proto/troupe/control/v1/control.ts";
import { duration } from "./duration.ts";
import type { Style } from "./style.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

interface Look {
  readonly word: string;
  readonly unicode: string;
  readonly ascii: string;
  readonly format: Parameters<Style["paint"]>[0];
}

const LOOKS: Readonly<Record<JobStatus, Look>> = {
  [JobStatus.UNSPECIFIED]: { word: "unknown", unicode: "?", ascii: "?", format: "dim" },
  [JobStatus.WAITING]: { word: "waiting", unicode: "·", ascii: ".", format: "dim" },
  [JobStatus.QUEUED]: { word: "queued", unicode: "◦", ascii: "o", format: "dim" },
  [JobStatus.ASSIGNED]: { word: "assigned", unicode: "◦", ascii: "o", format: "cyan" },
  [JobStatus.RUNNING]: { word: "running", unicode: "●", ascii: ">", format: "cyan" },
  [JobStatus.RETRYING]: { word: "retrying", unicode: "↻", ascii: "~", format: "yellow" },
  [JobStatus.SUCCEEDED]: { word: "succeeded", unicode: "✔", ascii: "+", format: "green" },
  [JobStatus.FAILED]: { word: "failed", unicode: "✘", ascii: "x", format: "red" },
  [JobStatus.SKIPPED]: { word: "skipped", unicode: "–", ascii: "-", format: "dim" },
  [JobStatus.CANCELLED]: { word: "cancelled", unicode: "⊘", ascii: "!", format: "yellow" },
};

const RUN_WORDS: Readonly<Record<RunStatus, string>> = {
  [RunStatus.UNSPECIFIED]: "unknown",
  [RunStatus.RUNNING]: "running",
  [RunStatus.CANCELLING]: "cancelling",
  [RunStatus.SUCCEEDED]: "succeeded",
  [RunStatus.FAILED]: "failed",
  [RunStatus.CANCELLED]: "cancelled",
};

export function runWord(status: RunStatus): string {
  return RUN_WORDS[status];
}

export function paintRun(status: RunStatus, style: Style): string {
  const formats: Partial<Record<RunStatus, Look["format"]>> = {
    [RunStatus.SUCCEEDED]: "green",
    [RunStatus.FAILED]: "red",
    [RunStatus.CANCELLED]: "yellow",
  };
  return style.paint(formats[status] ?? "cyan", runWord(status));
}

export function jobWord(status: JobStatus): string {
  return LOOKS[status].word;
}

export function jobSymbol(status: JobStatus, style: Style, frame = 0): string {
  const look = LOOKS[status];
  const spinning = style.live && style.unicode && status === JobStatus.RUNNING;
  const symbol = spinning
    ? (FRAMES[frame % FRAMES.length] ?? look.unicode)
    : style.unicode
      ? look.unicode
      : look.ascii;
  return style.paint(look.format, symbol);
}

/** How long it ran, or has been running; empty before it starts. */
export function jobTook(job: JobView, nowMs: number): string {
  if (job.startedAtMs === 0) return "";
  return duration((job.finishedAtMs || nowMs) - job.startedAtMs);
}

/** What stands behind the name: attempt, commit, reason; each only where it says something. */
export function jobNotes(job: JobView): string[] {
  const notes: string[] = [];
  if (job.attempt > 1) {
    notes.push(
      job.attemptsMax > 1
        ? `attempt ${job.attempt} of ${job.attemptsMax}`
        : `attempt ${job.attempt}`,
    );
  }
  if (job.commit !== "") notes.push(`commit ${job.commit.slice(0, 9)}`);
  if (job.finally) notes.push("finally");
  if (job.status === JobStatus.FAILED && job.continueOnError) notes.push("failure allowed");
  if (job.reason !== "") notes.push(job.reason);
  return notes;
}

export function hasEnded(status: JobStatus): boolean {
  return (
    status === JobStatus.SUCCEEDED ||
    status === JobStatus.FAILED ||
    status === JobStatus.SKIPPED ||
    status === JobStatus.CANCELLED
  );
}
