/** What a session is made of, what can happen to it, and what is to be done then; and how single steps make up one. */
import type {
  Assignment,
  AttemptRef,
  JobResult,
  Welcome,
} from "../../proto/troupe/agent/v1/agent.ts";
import type { FromServer, ToServer } from "./session-messages.ts";

export interface SessionState {
  readonly link: "down" | "greeting" | "open";
  readonly slots: number;
  readonly attempts: ReadonlyMap<string, HeldAttempt>;
  /** Keys of attempts that are over, oldest first: see T1. */
  readonly remembered: ReadonlySet<string>;
  readonly leaseOver: boolean;
  /** Why the agent takes no more jobs. */
  readonly draining: string | undefined;
  readonly over: boolean;
}

interface HeldBase {
  readonly ref: AttemptRef;
  readonly killGraceMs: number;
  /** Dies with the lease: see T4. */
  readonly leased: boolean;
  /** undefined = its process has not started yet. */
  readonly startedAtMs: number | undefined;
}

export type HeldAttempt = HeldBase &
  (
    | { readonly status: "running" }
    /** `sent`: on the present link. */
    | { readonly status: "ended"; readonly result: JobResult; readonly sent: boolean }
    /** The server wants it no more; its processes are being killed. */
    | { readonly status: "dropped" }
  );

export type EndedResult = JobResult & { readonly attempt: AttemptRef };

export type SessionInput =
  | { readonly type: "dialled" }
  | { readonly type: "lost" }
  | { readonly type: "received"; readonly message: FromServer }
  | { readonly type: "started"; readonly key: string; readonly startedAtMs: number }
  | { readonly type: "ended"; readonly key: string; readonly result: JobResult }
  /** Every byte of an ended attempt's log went out on the present link. */
  | { readonly type: "log-sent"; readonly key: string }
  /** `killWithinMs`: until SIGKILL at most, whatever grace a job has. */
  | { readonly type: "lease-over"; readonly killWithinMs: number }
  | { readonly type: "lease-renewed" }
  | { readonly type: "drain"; readonly reason: string }
  | { readonly type: "cancel-all"; readonly reason: string };

export type SessionEffect =
  | { readonly type: "send"; readonly message: ToServer }
  /** Send Hello, naming these. */
  | { readonly type: "greet"; readonly holding: readonly AttemptRef[] }
  | { readonly type: "opened"; readonly welcome: Welcome }
  | { readonly type: "start"; readonly key: string; readonly assignment: Assignment }
  | {
      readonly type: "cancel";
      readonly key: string;
      readonly reason: string;
      readonly graceMs: number;
    }
  | { readonly type: "acknowledge-log"; readonly key: string; readonly offset: number }
  | { readonly type: "beat-answered"; readonly sequence: number }
  /** Delete what is kept of it: log, folder. */
  | { readonly type: "forget"; readonly key: string }
  | { readonly type: "warn"; readonly message: string }
  /** Cut the link and dial again. */
  | { readonly type: "cut"; readonly reason: string }
  | { readonly type: "finish"; readonly cause: "drained" | "refused"; readonly reason: string };

export interface SessionStep {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

export function stay(state: SessionState): SessionStep {
  return { state, effects: [] };
}

export function joined(first: SessionStep, second: SessionStep): SessionStep {
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

export function warn(state: SessionState, message: string): SessionStep {
  return { state, effects: [{ type: "warn", message }] };
}

export function cut(state: SessionState, reason: string): SessionStep {
  return { state, effects: [{ type: "cut", reason }] };
}

export function send(message: ToServer): SessionEffect {
  return { type: "send", message };
}
