/** What is known of a run, kept up to date from its change stream. */
import type {
  JobView,
  RunView,
  WatchRunResponse,
} from "../../../proto/troupe/control/v1/control.ts";

export class RunModel {
  #run: RunView | undefined;
  readonly #indexByName = new Map<string, number>();

  get run(): RunView | undefined {
    return this.#run;
  }

  get known(): boolean {
    return this.#run !== undefined;
  }

  job(name: string): JobView | undefined {
    const index = this.#indexByName.get(name);
    return index === undefined ? undefined : this.#run?.jobs[index];
  }

  /** Returns the jobs that changed, each with what it was before. */
  apply(change: NonNullable<WatchRunResponse["change"]>): JobChange[] {
    switch (change.$case) {
      case "snapshot":
        return this.#replace(change.value);
      case "job":
        return this.#replaceJob(change.value);
      case "summary":
        if (this.#run !== undefined) this.#run = { ...this.#run, summary: change.value };
        return [];
      case "log":
        return [];
    }
  }

  #replace(run: RunView): JobChange[] {
    const changes: JobChange[] = [];
    for (const job of run.jobs) {
      const before = this.job(job.name);
      if (before?.status !== job.status || before.attempt !== job.attempt) {
        changes.push({ before, job });
      }
    }
    this.#run = run;
    this.#indexByName.clear();
    run.jobs.forEach((job, index) => this.#indexByName.set(job.name, index));
    return changes;
  }

  #replaceJob(job: JobView): JobChange[] {
    const index = this.#indexByName.get(job.name);
    if (this.#run === undefined || index === undefined) return [];
    const before = this.#run.jobs[index];
    this.#run.jobs[index] = job;
    return [{ before, job }];
  }
}

export interface JobChange {
  readonly before: JobView | undefined;
  readonly job: JobView;
}
