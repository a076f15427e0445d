/**
 * Jobs of a run that had ended before it was watched, and of which no byte came. They may have printed nothing, or
 * their logs are gone by retention: then whoever watches is told so, not left with an empty screen.
 */
import type { WatchRunResponse } from "../../proto/troupe/control/v1/control.ts";
import { isTroupeError } from "../actors/kernel/index.ts";
import type { ControlClient } from "../server/index.ts";
import { hasEnded } from "./render/job-line.ts";

export class SilentJobs {
  readonly #names = new Set<string>();

  see(change: NonNullable<WatchRunResponse["change"]>): void {
    if (change.$case === "log") this.#names.delete(change.value.job);
    if (change.$case !== "snapshot") return;
    const { jobs } = change.value;
    if (!jobs.every(({ status }) => hasEnded(status))) return;
    for (const { name, attempt } of jobs) if (attempt > 0) this.#names.add(name);
  }

  /** What retention has taken, as the server says it; undefined = nothing. By a run's age, so one of its jobs tells for all. */
  async reason(client: ControlClient, runId: string): Promise<string | undefined> {
    const [job] = this.#names;
    if (job === undefined) return undefined;
    try {
      const request = { runId, job, attempt: 0, offset: 0, follow: false };
      for await (const { data } of client.readLog(request)) if (data.length > 0) break;
      return undefined;
    } catch (error) {
      if (isTroupeError(error, "TROUPE_GONE_BY_RETENTION")) return error.message;
      throw error;
    }
  }
}
