/** What a job's view says of its attempts: which have begun, which are over. Pure. */
import type { JobView } from "../actors/pipelines/index.ts";

const underWay: ReadonlySet<JobView["status"]> = new Set(["queued", "assigned", "running"]);
const jobEnded: ReadonlySet<JobView["status"]> = new Set([
  "succeeded",
  "failed",
  "skipped",
  "cancelled",
]);

/** No more bytes will come into this attempt's log. */
export function attemptIsOver(job: JobView, attempt: number): boolean {
  return attempt < job.attempt || (attempt === job.attempt && !underWay.has(job.status));
}

/** There will be no further attempt. */
export function jobHasEnded(job: JobView): boolean {
  return jobEnded.has(job.status);
}
