/** The messages of the session, as the agent writes and reads them. */
import {
  type AttemptRef,
  type ConnectRequest,
  type ConnectResponse,
  type JobResult,
  Outcome,
} from "../../proto/troupe/agent/v1/agent.ts";

export type ToServer = NonNullable<ConnectRequest["message"]>;

/** undefined: a kind of message that this version does not know. */
export type FromServer = ConnectResponse["message"];

export function acceptedMessage(attempt: AttemptRef): ToServer {
  return { $case: "accepted", value: { attempt } };
}

export function startedMessage(attempt: AttemptRef, startedAtMs: number): ToServer {
  return { $case: "started", value: { attempt, startedAtMs } };
}

export function resultMessage(result: JobResult): ToServer {
  return { $case: "result", value: result };
}

/** The result of an attempt that this agent did not start and never will. */
export function declinedMessage(attempt: AttemptRef, reason: string): ToServer {
  return resultMessage({
    attempt,
    outcome: Outcome.DECLINED,
    exitCode: 0,
    signal: "",
    outputs: {},
    reason,
    startedAtMs: 0,
    durationMs: 0,
    logBytes: 0,
    usage: undefined,
    artifacts: undefined,
    summary: undefined,
    commit: "",
  });
}

export function drainingMessage(reason: string): ToServer {
  return { $case: "draining", value: { reason } };
}
