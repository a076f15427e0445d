import {
  JobView,
  RunStatus,
  RunSummary,
  type RunView,
} from "../../proto/troupe/control/v1/control.ts";

export function job(name: string, fields: Partial<JobView> = {}): JobView {
  return { ...JobView.create({ name, attempt: 1, attemptsMax: 1 }), ...fields };
}

export function run(jobs: JobView[], fields: Partial<RunSummary> = {}): RunView {
  return {
    summary: {
      ...RunSummary.create({
        runId: "r-1",
        pipeline: "demo",
        status: RunStatus.RUNNING,
        createdAtMs: 1_000,
        jobsTotal: jobs.length,
      }),
      ...fields,
    },
    jobs,
    outputs: {},
    parameters: {},
  };
}
