export type { AgentHello, AgentLink, AgentSession, CancelOrder } from "./agent-session.ts";
export {
  type AttemptGrant,
  type AttemptKey,
  type AttemptOutcome,
  type AttemptResult,
  attemptId,
  type JobLimits,
  type JobUsage,
  type PreparedAttempt,
  type PreparedCache,
  type PreparedCacheKey,
  type PreparedCheckout,
  type StoredFile,
} from "./attempt.ts";
export type {
  AttemptReports,
  FinishAnswer,
  PrepareAnswer,
  ResumeAnswer,
} from "./attempt-reports.ts";
export { Repeater } from "./repeater.ts";
export { defineWorker, type WorkerDefinition, type WorkerHandle } from "./worker.ts";
export type { CapacityListener, WorkerCapacity } from "./worker-capacity.ts";
export type { WorkerStatus } from "./worker-lifecycle.ts";
export { WorkerPool, type WorkerPoolOptions, type WorkerPoolPeers } from "./worker-pool.ts";
export type { EnrolledAgent, Workers, WorkerView } from "./workers.ts";
