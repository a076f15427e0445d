/**
 * The whole state of one entity as a pure fold of its events: the user's state, its durable timers,
 * its reliable effects and the replies it remembers. No clock, no I/O: the same events always give the same state, live
 * and at recovery.
 *
 * Invariants:
 *  S1. Every state that leaves this file is deeply frozen; nothing but an event changes it.
 *  S2. `fold` of a live event equals `foldStored` of the same event read back from the log.
 *  S3. A `base` event replaces everything; a tombstone brings back the initial state.
 */
import { reasonOf, TroupeError } from "../kernel/index.ts";
import { atOnce } from "./at-once.ts";
import type { PersistentActorModel } from "./define-persistent-actor.ts";
import { decodePayload, encodePayload } from "./payload-codec.ts";
import { type EffectChange, type EffectRow, PendingEffects } from "./pending-effects.ts";
import { ReplyWindow } from "./reply-window.ts";
import type { StagedEvent, StoredEvent } from "./shard-log.ts";

export interface DurableTimer {
  /** Wall clock. */
  readonly atMs: number;
  readonly data: unknown;
}

export interface EntityState {
  readonly user: unknown;
  readonly timers: ReadonlyMap<string, DurableTimer>;
  readonly effects: PendingEffects;
  readonly replies: ReplyWindow;
}

/** The framework's own events; users' events never start with "~". */
export const internalEvents = {
  timerStarted: "~timer-started",
  timerCancelled: "~timer-cancelled",
  timerFired: "~timer-fired",
  effectStaged: "~effect-staged",
  effectRescheduled: "~effect-rescheduled",
  effectDone: "~effect-done",
  effectCancelled: "~effect-cancelled",
  reply: "~reply",
  base: "~base",
  deleted: "~deleted",
} as const;

/** Version of the framework's own payloads. */
export const internalVersion = 1;

const noTimers: ReadonlyMap<string, DurableTimer> = new Map();

export function initialEntityState(model: PersistentActorModel, id: string): EntityState {
  const user = frozen(initialUserState(model, id));
  return { user, timers: noTimers, effects: PendingEffects.none, replies: ReplyWindow.empty() };
}

function initialUserState(model: PersistentActorModel, id: string): unknown {
  try {
    return atOnce(model.options.initialState(id), () => `initialState of "${model.name}"`);
  } catch (cause) {
    const details = { actor: `${model.name}/${id}`, reason: reasonOf(cause) };
    throw new TroupeError("TROUPE_RECOVERY_FAILED", details, { cause });
  }
}

/** The state after a user's event whose payload is of the newest version. */
export function foldUser(
  model: PersistentActorModel,
  state: EntityState,
  event: { readonly type: string; readonly payload: unknown },
): EntityState {
  const user = frozen(model.events.apply(state.user, event.type, event.payload));
  return { user, timers: state.timers, effects: state.effects, replies: state.replies };
}

export function withTimer(state: EntityState, name: string, timer: DurableTimer): EntityState {
  return { ...state, timers: new Map(state.timers).set(name, frozen(timer)) };
}

export function withoutTimer(state: EntityState, name: string): EntityState {
  const timers = new Map(state.timers);
  timers.delete(name);
  return { ...state, timers };
}

export function withStagedEffect(state: EntityState, row: EffectRow): EntityState {
  return withEffects(state, state.effects.staged(frozen(row)));
}

export function withEffects(state: EntityState, effects: PendingEffects): EntityState {
  return { ...state, effects };
}

export function withReply(state: EntityState, key: string, bytes: Uint8Array): EntityState {
  return { ...state, replies: state.replies.with({ key, bytes }) };
}

/** Half-done work: the definition says so, or an effect has not succeeded yet. undefined = it never has any. */
export function openOf(model: PersistentActorModel, state: EntityState): boolean | undefined {
  const { open } = model.options;
  if (state.effects.size > 0) return true;
  if (open === undefined) return model.effects.size > 0 ? false : undefined;
  return open(state.user as Readonly<unknown>);
}

/** The wall-clock time at which the earliest timer or effect is due. */
export function wakeAtMsOf(state: EntityState): number | undefined {
  let earliest = state.effects.dueAtMs(() => false);
  for (const { atMs } of state.timers.values()) {
    if (earliest === undefined || atMs < earliest) earliest = atMs;
  }
  return earliest;
}

/** The state after an event as it stands in the log: decoded, lifted to its newest version, applied. */
export function foldStored(
  model: PersistentActorModel,
  id: string,
  state: EntityState,
  event: StoredEvent,
): EntityState {
  if (event.kind === "tombstone") return initialEntityState(model, id);
  if (event.kind === "base") return stateFromBase(model, event);
  if (!event.type.startsWith("~")) {
    const { type, schemaVersion } = event;
    const payload = model.events.lift(type, schemaVersion, decodePayload(event.payload));
    return foldUser(model, state, { type, payload });
  }
  return foldInternal(state, event);
}

function foldInternal(state: EntityState, event: StoredEvent): EntityState {
  switch (event.type) {
    case internalEvents.timerStarted: {
      const [name, atMs, data] = decodePayload(event.payload) as TimerRow;
      return withTimer(state, name, { atMs, data });
    }
    case internalEvents.timerCancelled:
    case internalEvents.timerFired:
      return withoutTimer(state, decodePayload(event.payload) as string);
    case internalEvents.effectStaged:
      return withStagedEffect(state, decodePayload(event.payload) as EffectRow);
    case internalEvents.effectRescheduled:
      return withEffects(
        state,
        state.effects.rescheduled(decodePayload(event.payload) as EffectChange),
      );
    case internalEvents.effectDone:
    case internalEvents.effectCancelled:
      return withEffects(state, state.effects.without(decodePayload(event.payload) as string));
    case internalEvents.reply:
      // A copy (of a Buffer, `slice` would be none): the event's bytes lie in a whole frame, which must not stay in memory.
      return withReply(state, event.idempotencyKey ?? "", new Uint8Array(event.payload));
    default:
      throw unreadable(event, "this program's version of the framework has no such event");
  }
}

export type TimerRow = readonly [name: string, atMs: number, data: unknown];

interface BasePayload {
  readonly state: unknown;
  readonly timers: readonly TimerRow[];
  /** Absent in an entity that never had any. */
  readonly effects?: readonly [count: number, rows: readonly EffectRow[]];
  readonly replies: readonly (readonly [key: string, bytes: Uint8Array])[];
}

/** @throws TROUPE_PAYLOAD_INVALID when the user's state is not plain data. */
export function encodeBase(state: EntityState, what: string): Uint8Array {
  const base: BasePayload = {
    state: state.user,
    timers: Array.from(state.timers, ([name, { atMs, data }]) => [name, atMs, data]),
    ...(state.effects.count > 0 && { effects: [state.effects.count, state.effects.rows()] }),
    replies: state.replies.entries().map(({ key, bytes }) => [key, bytes]),
  };
  return encodePayload(base, what);
}

/** The event that an encoded state becomes in the log, with what the live index has to know of it. */
export function baseEvent(
  model: PersistentActorModel,
  base: {
    readonly timeMs: number;
    readonly payload: Uint8Array;
    readonly open: boolean | undefined;
    readonly wakeAtMs: number | undefined;
  },
): StagedEvent {
  const { timeMs, payload, open, wakeAtMs } = base;
  return {
    kind: "base",
    type: internalEvents.base,
    schemaVersion: model.snapshotVersion,
    timeMs,
    payload,
    ...(open !== undefined && { open }),
    ...(wakeAtMs !== undefined && { wakeAtMs }),
  };
}

/** The whole state that a base event, or a snapshot, holds. */
export function stateFromBase(
  model: PersistentActorModel,
  event: Pick<StoredEvent, "payload" | "schemaVersion" | "persistenceId" | "type">,
): EntityState {
  const base = decodePayload(event.payload) as BasePayload;
  if (event.schemaVersion > model.snapshotVersion) {
    const known = `this program knows the state up to version ${model.snapshotVersion}`;
    throw unreadable(event, `it holds a state of version ${event.schemaVersion}, and ${known}`);
  }
  const steps = model.snapshotUpcasts.slice(event.schemaVersion - 1);
  const user = frozen(steps.reduce((old, upcast) => upcast(old), base.state));
  const timers = new Map(base.timers.map(([name, atMs, data]) => [name, frozen({ atMs, data })]));
  const [count, rows] = base.effects ?? [0, []];
  const effects = PendingEffects.fromRows(rows.map(frozen), count);
  let replies = ReplyWindow.empty();
  for (const [key, bytes] of base.replies) replies = replies.with({ key, bytes });
  return { user, timers, effects, replies };
}

function unreadable(
  event: Pick<StoredEvent, "persistenceId" | "type">,
  problem: string,
): TroupeError {
  const { persistenceId: actor, type } = event;
  return new TroupeError("TROUPE_EVENT_UNREADABLE", { actor, event: type, problem });
}

/** Freezes plain data all the way down; stops at what is frozen already, so shared parts cost nothing. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  // Faster than a list of the keys. What it finds beyond them, in a prototype, is no state of anybody's.
  for (const key in value) frozen((value as Record<string, unknown>)[key]);
  return value;
}
