/**
 * The agent's side of the session, as a pure function: `(state, input) → state and effects`.
 * Boundary: no clock, no stream, no process. Log bytes do not pass here (`log-outbox.ts`); only
 * their end does, since a result follows its log.
 *
 *   attempt:   (none) ──assignment──▶ running ──job ends──▶ ended ──ResultAck──▶ (none, remembered)
 *                                        └──disowned──▶ dropped ──job ends──▶ (none, remembered)
 *   link:      down ──dialled──▶ greeting ──Welcome──▶ open ──lost──▶ down
 *
 *   T1. An attempt starts at most once in the life of this process, however often it is assigned.
 *   T2. A result is sent on a link only after that link carried the whole log, and on every new link
 *       again, until it is acknowledged.
 *   T3. Nothing the server says can make this throw; what makes no sense is named and ignored, and
 *       what breaks the order of the protocol costs the link, never a job.
 *   T4. Without a lease no job that is to be killed on disconnect runs: those that do are killed when it
 *       is over, and none is begun until it is renewed.
 *   T5. Draining, the agent ends exactly when nothing is held any more.
 */
import {
  type Assignment,
  type AttemptRef,
  type CancelJob,
  type JobResult,
  OnDisconnect,
  type ResultAck,
  type Welcome,
} from "../../proto/troupe/agent/v1/agent.ts";
import { attemptKey, attemptText, isAttempt } from "./attempt.ts";
import { agentLimits } from "./limits.ts";
import {
  acceptedMessage,
  declinedMessage,
  drainingMessage,
  type FromServer,
  resultMessage,
  startedMessage,
} from "./session-messages.ts";
import {
  cut,
  type EndedResult,
  type HeldAttempt,
  joined,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  type SessionStep,
  send,
  stay,
  warn,
} from "./session-step.ts";

/** `ended`: results of an earlier start that are not acknowledged. */
export function newSession(slots: number, ended: readonly EndedResult[] = []): SessionState {
  const attempts = ended.map((result): [string, HeldAttempt] => [
    attemptKey(result.attempt),
    {
      ref: result.attempt,
      status: "ended",
      killGraceMs: 0,
      leased: false,
      startedAtMs: result.startedAtMs === 0 ? undefined : result.startedAtMs,
      result,
      sent: false,
    },
  ]);
  return {
    link: "down",
    slots,
    attempts: new Map(attempts),
    remembered: new Set(),
    leaseOver: false,
    draining: undefined,
    over: false,
  };
}

export function step(state: SessionState, input: SessionInput): SessionStep {
  if (state.over) return { state, effects: [] };
  return finishIfDrained(take(state, input));
}

/** Attempts whose processes may still run. */
export function running(state: SessionState): AttemptRef[] {
  return held(state, (attempt) => attempt.status === "running");
}

function take(state: SessionState, input: SessionInput): SessionStep {
  switch (input.type) {
    case "dialled":
      return {
        state: { ...state, link: "greeting" },
        effects: [
          { type: "greet", holding: held(state, (attempt) => attempt.status !== "dropped") },
        ],
      };
    case "lost":
      return stay({ ...state, link: "down", attempts: unsent(state.attempts) });
    case "received":
      return receive(state, input.message);
    case "started":
      return jobStarted(state, input.key, input.startedAtMs);
    case "ended":
      return jobEnded(state, input.key, input.result);
    case "log-sent":
      return logSent(state, input.key);
    case "lease-over":
      return endLease(state, input.killWithinMs);
    case "lease-renewed":
      return stay({ ...state, leaseOver: false });
    case "drain":
      return drain(state, input.reason);
    case "cancel-all":
      return cancelAll(state, input.reason);
  }
}

function receive(state: SessionState, message: FromServer): SessionStep {
  // A server newer than this agent may send what this agent does not know.
  if (message === undefined) return warn(state, "ignored a message of an unknown kind");
  if (message.$case === "refused") {
    const { code, reason, permanent } = message.value;
    const text = `the server refused this agent: ${reason} (${code})`;
    if (!permanent) return { state, effects: [{ type: "cut", reason: text }] };
    const stopped = cancelAll(state, "the server refused this agent");
    return {
      state: { ...stopped.state, over: true },
      effects: [...stopped.effects, { type: "finish", cause: "refused", reason: text }],
    };
  }
  if (message.$case === "welcome") {
    if (state.link !== "greeting") return cut(state, "the server sent a second Welcome");
    return welcomed(state, message.value);
  }
  if (state.link !== "open") return cut(state, `the server sent ${message.$case} before Welcome`);
  switch (message.$case) {
    case "assignment":
      return assigned(state, message.value);
    case "cancel":
      return cancelled(state, message.value);
    case "resultAck":
      return resultAcknowledged(state, message.value);
    case "logAck": {
      const { attempt, offset } = message.value;
      const found = find(state, attempt);
      if (found === undefined) return stay(state);
      return { state, effects: [{ type: "acknowledge-log", key: found.key, offset }] };
    }
    case "drain":
      return drain(state, message.value.reason || "the server asked for it");
    case "heartbeatAck":
      return { state, effects: [{ type: "beat-answered", sequence: message.value.sequence }] };
  }
}

function welcomed(state: SessionState, welcome: Welcome): SessionStep {
  let step: SessionStep = { state: { ...state, link: "open" }, effects: [] };
  for (const ref of welcome.disowned) {
    const found = find(step.state, ref);
    if (found !== undefined) step = joined(step, drop(step.state, found.key, found.attempt));
  }
  const effects: SessionEffect[] = [];
  if (state.draining !== undefined) effects.push(send(drainingMessage(state.draining)));
  for (const attempt of step.state.attempts.values()) {
    if (attempt.status !== "dropped") effects.push(...announce(attempt));
  }
  // Last, as it lets the logs flow, and they come after what is known of their attempts.
  effects.push({ type: "opened", welcome });
  return { state: step.state, effects: [...step.effects, ...effects] };
}

/** What the server has to hear of an attempt on a new link, but for its log and result (T2). */
function announce({ ref, startedAtMs }: HeldAttempt): SessionEffect[] {
  const effects = [send(acceptedMessage(ref))];
  if (startedAtMs !== undefined) effects.push(send(startedMessage(ref, startedAtMs)));
  return effects;
}

function assigned(state: SessionState, assignment: Assignment): SessionStep {
  const ref = assignment.attempt;
  if (!isAttempt(ref)) return warn(state, "ignored an assignment that names no attempt");
  const key = attemptKey(ref);
  const known = state.attempts.get(key);
  if (known !== undefined && known.status !== "dropped") {
    const effects = announce(known);
    if (known.status === "ended" && known.sent) {
      effects.push(send(resultMessage(known.result)));
    }
    return { state, effects };
  }
  const leased = assignment.onDisconnect === OnDisconnect.KILL;
  const reason = whyDeclined(state, key, leased);
  if (reason !== undefined) {
    // Not held: if this is lost with the link, the next Hello does not name the attempt either.
    return { state, effects: [send(declinedMessage(ref, reason))] };
  }
  const attempt: HeldAttempt = {
    ref,
    status: "running",
    killGraceMs: assignment.killGraceMs,
    leased,
    startedAtMs: undefined,
  };
  return {
    state: { ...state, attempts: new Map(state.attempts).set(key, attempt) },
    effects: [...announce(attempt), { type: "start", key, assignment }],
  };
}

function whyDeclined(state: SessionState, key: string, leased: boolean): string | undefined {
  if (state.remembered.has(key) || state.attempts.has(key)) {
    return "this attempt is already over on this agent";
  }
  if (leased && state.leaseOver) return "the lease of the agent was over when it came";
  if (state.draining !== undefined) return `the agent is draining: ${state.draining}`;
  const busy = held(state, (attempt) => attempt.status !== "ended").length;
  if (busy >= state.slots) return `all ${state.slots} slots of the agent are taken`;
  if (state.attempts.size - busy >= agentLimits.unacknowledgedMax) {
    return `${agentLimits.unacknowledgedMax} results wait for their acknowledgement`;
  }
  return undefined;
}

function cancelled(state: SessionState, { attempt, reason, graceMs }: CancelJob): SessionStep {
  const found = find(state, attempt);
  if (found?.attempt.status !== "running") return stay(state);
  return { state, effects: [{ type: "cancel", key: found.key, reason, graceMs }] };
}

function resultAcknowledged(state: SessionState, ack: ResultAck): SessionStep {
  const found = find(state, ack.attempt);
  if (found === undefined) return stay(state);
  if (found.attempt.status === "ended") return forget(state, found.key);
  // Acknowledged before it ended: the server counts it as over, so it is in the way.
  return drop(state, found.key, found.attempt);
}

/** The attempt counts for nothing any more: kill what runs, keep its slot until that is dead. */
function drop(state: SessionState, key: string, attempt: HeldAttempt): SessionStep {
  if (attempt.status === "ended") return forget(state, key);
  if (attempt.status === "dropped") return stay(state);
  const { ref, killGraceMs, leased, startedAtMs } = attempt;
  const dropped: HeldAttempt = { ref, killGraceMs, leased, startedAtMs, status: "dropped" };
  return {
    state: { ...state, attempts: new Map(state.attempts).set(key, dropped) },
    effects: [
      {
        type: "warn",
        message: `${attemptText(ref)} is no longer wanted by the server: killing it`,
      },
      { type: "cancel", key, reason: "the server gave it up", graceMs: killGraceMs },
    ],
  };
}

function jobStarted(state: SessionState, key: string, startedAtMs: number): SessionStep {
  const attempt = state.attempts.get(key);
  if (attempt === undefined) return stay(state);
  const attempts = new Map(state.attempts).set(key, { ...attempt, startedAtMs });
  const heard = state.link === "open" && attempt.status === "running";
  return {
    state: { ...state, attempts },
    effects: heard ? [send(startedMessage(attempt.ref, startedAtMs))] : [],
  };
}

function jobEnded(state: SessionState, key: string, result: JobResult): SessionStep {
  const attempt = state.attempts.get(key);
  if (attempt === undefined) return stay(state);
  if (attempt.status === "dropped") return forget(state, key);
  const { ref, killGraceMs, leased, startedAtMs } = attempt;
  const ended: HeldAttempt = {
    ref,
    killGraceMs,
    leased,
    startedAtMs,
    status: "ended",
    result,
    sent: false,
  };
  return stay({ ...state, attempts: new Map(state.attempts).set(key, ended) });
}

function logSent(state: SessionState, key: string): SessionStep {
  const attempt = state.attempts.get(key);
  if (state.link !== "open" || attempt?.status !== "ended" || attempt.sent) return stay(state);
  return {
    state: { ...state, attempts: new Map(state.attempts).set(key, { ...attempt, sent: true }) },
    effects: [send(resultMessage(attempt.result))],
  };
}

function drain(state: SessionState, reason: string): SessionStep {
  if (state.draining !== undefined) return stay(state);
  return {
    state: { ...state, draining: reason },
    effects: state.link === "open" ? [send(drainingMessage(reason))] : [],
  };
}

function endLease(state: SessionState, killWithinMs: number): SessionStep {
  const effects: SessionEffect[] = [];
  for (const [key, { ref, status, leased, killGraceMs }] of state.attempts) {
    if (status !== "running") continue;
    if (!leased) {
      const message = `${attemptText(ref)}: the lease is over, the server may give it to another agent; it goes on here until it says so`;
      effects.push({ type: "warn", message });
      continue;
    }
    const reason = "the lease was over before the server could be reached again";
    const graceMs = Math.min(killGraceMs, killWithinMs);
    effects.push({ type: "warn", message: `${attemptText(ref)}: ${reason}: killing it` });
    effects.push({ type: "cancel", key, reason, graceMs });
  }
  return { state: { ...state, leaseOver: true }, effects };
}

function cancelAll(state: SessionState, reason: string): SessionStep {
  const effects: SessionEffect[] = [];
  for (const [key, attempt] of state.attempts) {
    if (attempt.status !== "running") continue;
    effects.push({ type: "cancel", key, reason, graceMs: attempt.killGraceMs });
  }
  return { state, effects };
}

function forget(state: SessionState, key: string): SessionStep {
  const attempts = new Map(state.attempts);
  attempts.delete(key);
  const remembered = new Set(state.remembered).add(key);
  for (const oldest of remembered) {
    if (remembered.size <= agentLimits.rememberedMax) break;
    remembered.delete(oldest);
  }
  return { state: { ...state, attempts, remembered }, effects: [{ type: "forget", key }] };
}

function finishIfDrained({ state, effects }: SessionStep): SessionStep {
  if (state.over || state.draining === undefined || state.attempts.size > 0) {
    return { state, effects };
  }
  return {
    state: { ...state, over: true },
    effects: [...effects, { type: "finish", cause: "drained", reason: state.draining }],
  };
}

function find(
  state: SessionState,
  ref: AttemptRef | undefined,
): { key: string; attempt: HeldAttempt } | undefined {
  if (!isAttempt(ref)) return undefined;
  const key = attemptKey(ref);
  const attempt = state.attempts.get(key);
  return attempt === undefined ? undefined : { key, attempt };
}

function held(state: SessionState, wanted: (attempt: HeldAttempt) => boolean): AttemptRef[] {
  return [...state.attempts.values()].filter(wanted).map((attempt) => attempt.ref);
}

function unsent(attempts: ReadonlyMap<string, HeldAttempt>): ReadonlyMap<string, HeldAttempt> {
  const reset = new Map<string, HeldAttempt>();
  for (const [key, attempt] of attempts) {
    reset.set(key, attempt.status === "ended" ? { ...attempt, sent: false } : attempt);
  }
  return reset;
}
