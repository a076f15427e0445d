/**
 * The queued jobs of a watched run, and why they wait, as far as their watcher has been told. While
 * something of the run is under way, waiting needs no reason; a run that does not move says why.
 */
import type { JobView as JobMessage } from "../../proto/troupe/control/v1/control.ts";
import type { JobView } from "../actors/pipelines/index.ts";
import { jobMessage, type WaitingReasons } from "./run-messages.ts";

export class QueuedJobs {
  readonly #queued = new Map<string, { readonly job: JobView; told: string }>();
  readonly #underWay = new Set<string>();

  /** Every job, and every change of one, before the watcher is told of it. */
  see(job: JobView, waiting?: WaitingReasons): void {
    const { name, status } = job;
    if (status === "queued") this.#queued.set(name, { job, told: waiting?.get(name) ?? "" });
    else this.#queued.delete(name);
    if (status === "assigned" || status === "running") this.#underWay.add(name);
    else this.#underWay.delete(name);
  }

  /** Something waits, and nothing moves. */
  get stuck(): boolean {
    return this.#queued.size > 0 && this.#underWay.size === 0;
  }

  /** The jobs whose reason is another than the one that was told last; now it counts as told. */
  news(waiting: WaitingReasons): JobMessage[] {
    const news: JobMessage[] = [];
    for (const [name, entry] of this.#queued) {
      const reason = waiting.get(name);
      if (reason === undefined || reason === entry.told) continue;
      entry.told = reason;
      news.push(jobMessage(entry.job, waiting));
    }
    return news;
  }
}
