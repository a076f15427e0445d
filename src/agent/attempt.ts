import { createHash } from "node:crypto";
import type { AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";

/** The attempt as one string, for maps: escaped, so that two attempts never share one. */
export function attemptKey(ref: AttemptRef): string {
  return `${encodeURIComponent(ref.runId)}/${encodeURIComponent(ref.job)}/${ref.attempt}`;
}

/** For people: `run/job#2`. */
export function attemptText(ref: AttemptRef): string {
  return `${ref.runId}/${ref.job}#${ref.attempt}`;
}

/**
 * The attempt's folder: readable, and safe whatever a run or job is called. Names come from the
 * server; only letters, digits and a hash of the whole key reach the disk.
 */
export function attemptFolderName(ref: AttemptRef): string {
  const readable = ref.job
    .replaceAll(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, 24);
  const hash = createHash("sha256").update(attemptKey(ref)).digest("hex").slice(0, 12);
  return `${readable === "" ? "job" : readable}-${ref.attempt}-${hash}`;
}

/** Is it complete? A message without one says nothing about any job. */
export function isAttempt(ref: AttemptRef | undefined): ref is AttemptRef {
  return ref !== undefined && ref.runId !== "" && ref.job !== "" && ref.attempt > 0;
}
