export type { AgentHello, AgentLink, AgentSession, CancelOrder } from "./agent-session.ts";
export {
  type AttemptKey,
  type AttemptOutcome,
  type AttemptResult,
  attemptId,
  type PreparedAttempt,
} from "./attempt.ts";
export type {
  AttemptReports,
  FinishAnswer,
  PrepareAnswer,
  ResumeAnswer,
} from "./attempt-reports.ts";
export type { WorkerStatus } from "./worker-lifecycle.ts";
export type { EnrolledAgent, Workers, WorkerView } from "./workers.ts";
