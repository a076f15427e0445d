/** Runs, jobs, workers and actors as the control proto has them. Pure. */
import {
  type ActorView as ActorMessage,
  type JobView as JobMessage,
  JobStatus as JobStatusMessage,
  type RunView as RunMessage,
  RunStatus as RunStatusMessage,
  type RunSummary as RunSummaryMessage,
  type WorkerView as WorkerMessage,
} from "../../proto/troupe/control/v1/control.ts";
import type { ActorSnapshot } from "../actors/kernel/index.ts";
import type { EntitySnapshot } from "../actors/persistence/index.ts";
import type {
  JobStatus,
  JobView,
  RunStatus,
  RunSummary,
  RunView,
} from "../actors/pipelines/index.ts";
import type { WorkerView } from "../actors/workers/index.ts";

const runStatus: Readonly<Record<RunStatus, RunStatusMessage>> = {
  running: RunStatusMessage.RUNNING,
  cancelling: RunStatusMessage.CANCELLING,
  succeeded: RunStatusMessage.SUCCEEDED,
  failed: RunStatusMessage.FAILED,
  cancelled: RunStatusMessage.CANCELLED,
};

const jobStatus: Readonly<Record<JobStatus, JobStatusMessage>> = {
  waiting: JobStatusMessage.WAITING,
  queued: JobStatusMessage.QUEUED,
  assigned: JobStatusMessage.ASSIGNED,
  running: JobStatusMessage.RUNNING,
  retrying: JobStatusMessage.RETRYING,
  succeeded: JobStatusMessage.SUCCEEDED,
  failed: JobStatusMessage.FAILED,
  skipped: JobStatusMessage.SKIPPED,
  cancelled: JobStatusMessage.CANCELLED,
};

/** Why queued jobs wait: job → one sentence. */
export type WaitingReasons = ReadonlyMap<string, string>;

export function summaryMessage(summary: RunSummary): RunSummaryMessage {
  return {
    ...summary,
    status: runStatus[summary.status],
    finishedAtMs: summary.finishedAtMs ?? 0,
  };
}

export function jobMessage(job: JobView, waiting?: WaitingReasons): JobMessage {
  const why = job.status === "queued" ? waiting?.get(job.name) : undefined;
  return {
    ...job,
    status: jobStatus[job.status],
    workerId: job.workerId ?? "",
    exitCode: job.exitCode ?? 0,
    reason: job.reason === "" ? (why ?? "") : job.reason,
    queuedAtMs: job.queuedAtMs ?? 0,
    startedAtMs: job.startedAtMs ?? 0,
    finishedAtMs: job.finishedAtMs ?? 0,
    usage: job.usage,
    artifactsBytes: job.artifactsBytes ?? 0,
    summaryBytes: job.summaryBytes ?? 0,
    commit: job.commit ?? "",
    needs: [...job.needs],
    outputs: { ...job.outputs },
  };
}

export function runMessage(run: RunView, waiting?: WaitingReasons): RunMessage {
  return {
    summary: summaryMessage(run.summary),
    jobs: run.jobs.map((job) => jobMessage(job, waiting)),
    outputs: { ...run.outputs },
    parameters: { ...run.parameters },
  };
}

/** A worker without a stream keeps its work until its lease is over; a person should see both. */
export function workerMessage(worker: WorkerView): WorkerMessage {
  const away = !worker.connected && (worker.status === "idle" || worker.status === "busy");
  return {
    workerId: worker.workerId,
    agentName: worker.agentName,
    status: away ? `${worker.status}, away` : worker.status,
    labels: { ...worker.labels },
    slots: worker.slots,
    running: worker.holding.map(({ runId, job, attempt }) => `${runId}/${job}#${attempt}`),
    lastSeenAtMs: Math.round(worker.lastSeenAtMs ?? 0),
  };
}

export function actorMessage(actor: ActorSnapshot): ActorMessage {
  return {
    path: actor.path,
    status: actor.busy ? `${actor.phase}, busy` : actor.phase,
    mailboxDepth: actor.mailboxMessages,
    restarts: actor.restarts,
    lastFailure: actor.lastFailure ?? "",
  };
}

export function entityMessage(entity: EntitySnapshot): ActorMessage {
  return {
    path: `/entities/${entity.persistenceId}`,
    status: entity.busy ? `${entity.phase}, busy` : entity.phase,
    mailboxDepth: entity.waiting,
    restarts: 0,
    lastFailure: "",
  };
}
