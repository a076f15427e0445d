/** The state of a run as people and programs see it. */
import { itemAt, itemsOf } from "./chunked-list.ts";
import { jobDefinitionAt, planOf } from "./run-plan.ts";
import { isEnded, type JobState, type Run } from "./run-state.ts";
import type { JobView, RunSummary, RunView } from "./run-view.ts";

/** O(V). */
export function viewOf(run: Run): RunView {
  let index = 0;
  const jobs: JobView[] = [];
  for (const job of itemsOf(run.jobs)) jobs.push(jobViewOf(run, index++, job));
  return { summary: summaryOf(run), jobs, outputs: run.outputs, parameters: run.parameters };
}

/** O(1): for each change of a run that is watched. */
export function summaryOf(run: Run): RunSummary {
  const { runId, definition, status, createdAtMs, finishedAtMs, ordinaryLeft, finallyLeft } = run;
  return {
    runId,
    pipeline: definition.name,
    status,
    createdAtMs,
    ...(finishedAtMs === undefined ? {} : { finishedAtMs }),
    jobsTotal: definition.jobs.length,
    jobsFinished: definition.jobs.length - ordinaryLeft - finallyLeft,
  };
}

/** O(1); undefined = no job of that name. */
export function viewOfJob(run: Run, name: string): JobView | undefined {
  const index = planOf(run.definition).graph.indexByName.get(name);
  return index === undefined ? undefined : jobViewOf(run, index, itemAt(run.jobs, index));
}

function jobViewOf(run: Run, index: number, job: JobState): JobView {
  const { name, needs, retry, continueOnError, ...definition } = jobDefinitionAt(
    run.definition,
    index,
  );
  return {
    name,
    status: job.status,
    attempt: job.status === "waiting" ? 0 : job.attempt,
    reason: "reason" in job ? job.reason : "",
    ...timesOf(job),
    ...("workerId" in job && job.workerId !== undefined ? { workerId: job.workerId } : {}),
    ...("exitCode" in job && job.exitCode !== undefined ? { exitCode: job.exitCode } : {}),
    ...("usage" in job && job.usage !== undefined ? { usage: job.usage } : {}),
    ...("summary" in job && job.summary !== undefined ? { summaryBytes: job.summary.bytes } : {}),
    ...("artifacts" in job && job.artifacts !== undefined
      ? { artifactsBytes: job.artifacts.bytes }
      : {}),
    ...("commit" in job && job.commit !== undefined ? { commit: job.commit } : {}),
    needs,
    outputs: isEnded(job) ? job.outputs : {},
    finally: definition.finally,
    continueOnError,
    attemptsMax: retry.attemptsMax,
  };
}

function timesOf(job: JobState): Pick<JobView, "queuedAtMs" | "startedAtMs" | "finishedAtMs"> {
  if (job.status === "waiting") return {};
  const startedAtMs = "startedAtMs" in job ? job.startedAtMs : undefined;
  return {
    ...(job.queuedAtMs === undefined ? {} : { queuedAtMs: job.queuedAtMs }),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(isEnded(job) ? { finishedAtMs: job.finishedAtMs } : {}),
  };
}
