/**
 * One turn of a persistent actor: what its handler sees and what it staged. Nothing here touches
 * the log; `entity.ts` commits what a turn staged, and a test kit looks at it instead.
 *
 * Invariants:
 *  U1. An event is staged only after its payload was encoded and its handler was applied: what could
 *      not be stored or replayed never reaches the log.
 *  U2. A turn that failed or rejected is thrown away whole, state and staged events together.
 *  U3. After `end` or `revoke` the handler's context refuses everything.
 */
import { isThenable, limits, Rejection, TroupeError } from "../kernel/index.ts";
import {
  baseEvent,
  type EntityState,
  foldUser,
  internalEvents,
  internalVersion,
  openOf,
  wakeAtMsOf,
  withEffects,
  withoutTimer,
  withReply,
  withStagedEffect,
  withTimer,
} from "./entity-state.ts";
import type { Answer, Call } from "./entity-work.ts";
import type { Confirmable } from "./hosted-shard.ts";
import { decodePayload, encodePayload, releasePayload, storePayload } from "./payload-codec.ts";
import type { EffectChange, EffectRow } from "./pending-effects.ts";
import type { TimerTime } from "./persistent-context.ts";
import type { StagedEvent } from "./shard-log.ts";
import { TurnContext, type UntypedContext } from "./turn-context.ts";
import type { TurnSubject } from "./turn-subject.ts";

const nothing: readonly StagedEvent[] = [];

/** Told of each turn's fate, in the order of the log. */
export interface TurnOwner {
  turnConfirmed(turn: Turn): void;
  turnLost(turn: Turn, error: unknown): void;
  /** See `Confirmable`. */
  warm(): number;
}

export class Turn implements Confirmable {
  readonly subject: TurnSubject;
  readonly nowMs: number;
  readonly readOnly: boolean;
  /** Most turns stage nothing or one event. */
  staged: readonly StagedEvent[] = nothing;
  state: EntityState;
  stopping = false;
  deleting = false;
  #effects: (() => unknown)[] | undefined = undefined;
  /** It has staged reliable effects. */
  #hasEffects = false;
  #over: "ended" | "revoked" | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  // Once its handler has ended, its answer and effects wait for the log. These stand here and not in an object of
  // their own because a command costs what it touches.
  #owner: TurnOwner | undefined = undefined;
  call: Call | undefined = undefined;
  answer: Answer | undefined = undefined;
  /** Behind it among those that wait. */
  next: Turn | undefined = undefined;
  /** Of its last event in the log; 0 = it wrote nothing. */
  sequenceNumber = 0;
  status: "waiting" | "confirmed" | "dropped" = "waiting";

  /** `readOnly`: a `local` read, which runs beside the log and so may not write to it. */
  constructor(subject: TurnSubject, state: EntityState, nowMs: number, readOnly = false) {
    this.subject = subject;
    this.state = state;
    this.nowMs = nowMs;
    this.readOnly = readOnly;
  }

  /** For its handler. */
  get context(): UntypedContext {
    return new TurnContext(this);
  }

  /** From here on it waits for the log. */
  wait(owner: TurnOwner, call: Call | undefined, answer: Answer): void {
    this.#owner = owner;
    this.call = call;
    this.answer = answer;
  }

  /** The log has its events, from this number on, and their bytes. */
  written(firstSequenceNumber: number): void {
    const { staged } = this;
    this.sequenceNumber = firstSequenceNumber + staged.length - (this.deleting ? 0 : 1);
    this.staged = nothing;
    for (let at = staged.length - 1; at >= 0; at--) {
      releasePayload((staged[at] as StagedEvent).payload);
    }
  }

  confirmed(): void {
    this.#owner?.turnConfirmed(this);
  }

  lost(error: unknown): void {
    this.#owner?.turnLost(this, error);
  }

  warm(): number {
    const settled = this.call?.ask?.settled === true ? 1 : 0;
    return settled + (this.#owner?.warm() ?? 0);
  }

  /** The handler has returned, or its promise has settled. */
  end(): void {
    this.#over ??= "ended";
  }

  /** What `afterCommit` was given, in order. What an effect throws is logged and hurts no other. */
  runEffects(): void {
    if (this.#effects !== undefined) this.#run(this.#effects);
  }

  #run(effects: readonly (() => unknown)[]): void {
    const failed = (error: unknown): void => this.subject.failed("afterCommit", error);
    for (const effect of effects) {
      try {
        const result = effect();
        if (isThenable(result)) result.then(undefined, failed);
      } catch (error) {
        failed(error);
      }
    }
  }

  addEffect(effect: () => unknown): void {
    this.#effects ??= [];
    this.#effects.push(effect);
  }

  /** The entity was stopped under the running handler. */
  revoke(): void {
    this.#over = "revoked";
    this.#abort?.abort(new TroupeError("TROUPE_REVOKED", this.#refusal("signal")));
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#over === "revoked") this.#abort.abort();
    return this.#abort.signal;
  }

  /** @throws TROUPE_TURN_ENDED or TROUPE_REVOKED (U3). */
  check(use: string): void {
    if (this.#over === undefined) return;
    if (this.#over === "revoked") this.subject.revokedUse();
    const code = this.#over === "ended" ? "TROUPE_TURN_ENDED" : "TROUPE_REVOKED";
    throw new TroupeError(code, this.#refusal(use));
  }

  /** As `check`, for what changes the entity. */
  checkWrite(use: string): void {
    this.check(use);
    if (!this.readOnly) return;
    throw new TroupeError("TROUPE_OPTION_INVALID", {
      option: "read",
      expected: `"linearizable" for a command that uses ${use}`,
      got: '"local"',
    });
  }

  #refusal(use: string): { actor: string; use: string } {
    return { actor: this.subject.persistenceId, use };
  }

  persist(type: string, payload: unknown): void {
    const { model, persistenceId } = this.subject;
    const schemaVersion = model.events.versionOf(type) ?? unknownEvent(this.subject, type);
    const stored = storePayload(payload, () => `The event "${type}" of ${persistenceId}`);
    this.state = foldUser(model, this.state, { type, payload: stored.value });
    this.#stage(type, schemaVersion, stored.bytes);
  }

  startTimer(name: string, time: TimerTime, data: unknown): void {
    const { model, persistenceId } = this.subject;
    const { timers } = this.state;
    if (!model.timers.has(name)) {
      const problem = `"${model.name}" has no timer of this name`;
      throw new TroupeError("TROUPE_NAME_INVALID", { name, problem });
    }
    if (timers.size >= limits.durableTimersMax && !timers.has(name)) {
      const details = { actor: persistenceId, timersMax: limits.durableTimersMax };
      throw new TroupeError("TROUPE_TIMERS_FULL", details);
    }
    const atMs = "atMs" in time ? time.atMs : this.nowMs + time.afterMs;
    if (!Number.isFinite(atMs)) {
      const got = JSON.stringify(time);
      const expected = "{ afterMs } or { atMs } with a finite number of milliseconds";
      throw new TroupeError("TROUPE_OPTION_INVALID", { option: "timers.start", expected, got });
    }
    const row = storePayload([name, atMs, data], `The timer "${name}" of ${persistenceId}`);
    const copy = (row.value as unknown[])[2];
    this.state = withTimer(this.state, name, { atMs, data: copy });
    this.#stage(internalEvents.timerStarted, internalVersion, row.bytes);
  }

  cancelTimer(name: string): void {
    if (this.state.timers.has(name)) this.#dropTimer(internalEvents.timerCancelled, name);
  }

  /** The turn of a fired timer begins with this, in the same commit as what its handler persists. */
  fireTimer(name: string): void {
    this.#dropTimer(internalEvents.timerFired, name);
  }

  #dropTimer(type: string, name: string): void {
    this.state = withoutTimer(this.state, name);
    this.#stage(type, internalVersion, encodePayload(name, "The name of a timer"));
  }

  /** Returns the effect's idempotency key. */
  stageEffect(name: string, data: unknown): string {
    const { model, persistenceId } = this.subject;
    const { effects } = this.state;
    if (!model.effects.has(name)) {
      const problem = `"${model.name}" has no effect of this name`;
      throw new TroupeError("TROUPE_NAME_INVALID", { name, problem });
    }
    if (this.deleting) throw effectOfDeleted();
    if (effects.size >= limits.effectsPendingMax) {
      const details = { actor: persistenceId, effectsMax: limits.effectsPendingMax };
      throw new TroupeError("TROUPE_EFFECTS_FULL", details);
    }
    const id = effects.nextId(name, this.subject.random);
    const row: EffectRow = [id, name, data, 0, this.nowMs, ""];
    const stored = storePayload(row, `The effect "${name}" of ${persistenceId}`);
    this.state = withStagedEffect(this.state, stored.value as EffectRow);
    this.#hasEffects = true;
    this.#stage(internalEvents.effectStaged, internalVersion, stored.bytes);
    return `${persistenceId}/${id}`;
  }

  cancelEffect(idempotencyKey: string): void {
    const prefix = `${this.subject.persistenceId}/`;
    const id = idempotencyKey.startsWith(prefix) ? idempotencyKey.slice(prefix.length) : "";
    if (this.state.effects.get(id) !== undefined) {
      this.#dropEffect(internalEvents.effectCancelled, id);
    }
  }

  effectDone(id: string): void {
    this.#dropEffect(internalEvents.effectDone, id);
  }

  #dropEffect(type: string, id: string): void {
    this.state = withEffects(this.state, this.state.effects.without(id));
    this.#stage(type, internalVersion, encodePayload(id, "The id of an effect"));
  }

  effectRescheduled(change: EffectChange): void {
    this.state = withEffects(this.state, this.state.effects.rescheduled(change));
    const bytes = encodePayload(change, "The schedule of an effect");
    this.#stage(internalEvents.effectRescheduled, internalVersion, bytes);
  }

  delete(): void {
    if (this.#hasEffects) throw effectOfDeleted();
    this.deleting = true;
  }

  /** Makes the answer to a keyed command durable, in the same commit as its events. */
  rememberReply(key: string, command: string, answer: unknown): void {
    const bytes = encodeReply(command, answer, this.subject.persistenceId);
    // A copy: the event's bytes are given back once they are written.
    this.state = withReply(this.state, key, new Uint8Array(bytes));
    this.#stage(internalEvents.reply, internalVersion, bytes, key);
  }

  #stage(type: string, schemaVersion: number, payload: Uint8Array, idempotencyKey?: string): void {
    const { nowMs: timeMs, staged } = this;
    const event: StagedEvent =
      idempotencyKey === undefined
        ? { kind: "event", type, schemaVersion, timeMs, payload }
        : { kind: "event", type, schemaVersion, timeMs, payload, idempotencyKey };
    if (staged === nothing) this.staged = [event];
    // Its own since then.
    else (staged as StagedEvent[]).push(event);
  }

  /**
   * What goes into the log: the staged events, the last one carrying what the live index needs
   * (half-done or not, the next timer); `base` is the snapshot to add, where one is due.
   */
  group(base?: Uint8Array): readonly StagedEvent[] {
    const { nowMs: timeMs, subject, state } = this;
    const open = this.deleting ? undefined : openOf(subject.model, state);
    const isPlain = base === undefined && open === undefined && state.timers.size === 0;
    if (isPlain && !this.deleting) return this.staged;
    const group = this.staged.slice();
    if (this.deleting) {
      const payload = new Uint8Array(0);
      const type = internalEvents.deleted;
      group.push({ kind: "tombstone", type, schemaVersion: internalVersion, timeMs, payload });
      return group;
    }
    if (base !== undefined) {
      const wakeAtMs = wakeAtMsOf(state);
      group.push(baseEvent(subject.model, { timeMs, payload: base, open, wakeAtMs }));
      return group;
    }
    const wakeAtMs = wakeAtMsOf(state);
    const last = group.pop();
    if (last === undefined) return group;
    group.push({
      ...last,
      ...(open !== undefined && { open }),
      ...(wakeAtMs !== undefined && { wakeAtMs }),
    });
    return group;
  }
}

function effectOfDeleted(): TroupeError {
  return new TroupeError("TROUPE_OPTIONS_CONTRADICT", {
    options: ["effects.run", "delete"],
    problem:
      "an actor that is deleted with this turn has no later one in which its effect could succeed; " +
      "delete it in a later turn",
  });
}

function unknownEvent(subject: TurnSubject, type: string): never {
  const known = [...subject.model.events.types].join(", ");
  const problem = `the definition has no such event (it has: ${known || "none"})`;
  throw new TroupeError("TROUPE_EVENT_UNREADABLE", {
    actor: subject.persistenceId,
    event: type,
    problem,
  });
}

type ReplyRow = readonly [command: string, kind: "reply" | "rejection", value: unknown];

function encodeReply(command: string, answer: unknown, persistenceId: string): Uint8Array {
  const row: ReplyRow =
    answer instanceof Rejection
      ? [command, "rejection", [answer.reason, answer.details]]
      : [command, "reply", answer];
  return encodePayload(
    row,
    `The reply to "${command}" of ${persistenceId}, called with an idempotencyKey,`,
  );
}

/** What `rememberReply` stored: a reply or a `Rejection`, and the command that got it. */
export function decodeReply(bytes: Uint8Array): {
  readonly command: string;
  readonly answer: unknown;
} {
  const [command, kind, value] = decodePayload(bytes) as ReplyRow;
  if (kind === "reply") return { command, answer: value };
  const [reason, details] = value as [string, unknown];
  return { command, answer: new Rejection(reason, details) };
}
