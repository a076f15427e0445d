/** One entity's past: each event that is left of its present life, and the state after it. */
import { reasonOf } from "../../kernel/index.ts";
import { replayChain } from "../chain-replay.ts";
import type { PersistentActorModel } from "../define-persistent-actor.ts";
import {
  type EntityState,
  foldStored,
  initialEntityState,
  stateFromBase,
} from "../entity-state.ts";
import { STARTS_ANEW } from "../event-codec.ts";
import type { Journal } from "../journal.ts";
import { shardOfId } from "../shard-hash.ts";
import type { StoredEvent } from "../shard-log.ts";
import { recoverShard } from "../shard-recovery.ts";
import { type ExportedEvent, exportedEvent } from "./exported-event.ts";
import { type Json, plainJson } from "./plain-json.ts";
import { readingContext } from "./reading-context.ts";

export interface HistoryOptions {
  readonly persistenceId: string;
  /** Up to this event. Default: all. */
  readonly toSequenceNumber?: number;
  /** Up to the last event that is not younger, by the clock of the node that wrote it. Default: all. */
  readonly toTimeMs?: number;
  /** Its definition. Without one there are events, and no states. */
  readonly model?: PersistentActorModel;
}

/** `unknown`: why there is no state. */
export type StateThen =
  | { readonly state: Json; readonly timers: Json }
  | { readonly unknown: string };

export interface HistoryStep {
  readonly event: ExportedEvent;
  readonly after: StateThen;
}

export interface HistoryEnd {
  /** Of the newest event, whatever the bounds. */
  readonly highestSequenceNumber: number;
  readonly deleted: boolean;
  /** Events before the first one shown have been cut away. */
  readonly isCut: boolean;
}

/** Calls back for each event, oldest first. undefined = the journal knows no such entity. */
export async function entityHistory(
  journal: Journal,
  options: HistoryOptions,
  onStep: (step: HistoryStep) => void,
): Promise<HistoryEnd | undefined> {
  const { persistenceId, toSequenceNumber, toTimeMs = Number.POSITIVE_INFINITY } = options;
  const shard = shardOfId(persistenceId, journal.shards);
  const context = readingContext(journal, shard);
  const { directory } = await recoverShard(context);
  const entry = directory.current(persistenceId);
  if (entry === undefined) return undefined;
  const fold = new StateFold(options);
  let isOver = false;
  const bounds = { wholeLife: true, ...(toSequenceNumber !== undefined && { toSequenceNumber }) };
  const { origin } = await replayChain(
    context,
    { persistenceId, entry, bounds },
    (event, position) => {
      isOver ||= event.timeMs > toTimeMs;
      if (isOver) return;
      onStep({ event: exportedEvent(event, { shard, position }), after: fold.take(event) });
    },
  );
  const { sequenceNumber: highestSequenceNumber, deleted } = entry;
  return { highestSequenceNumber, deleted, isCut: origin === "cut" };
}

class StateFold {
  readonly #model: PersistentActorModel | undefined;
  readonly #id: string;
  #state: EntityState | undefined;
  #unknown: string;

  constructor({ persistenceId, model }: HistoryOptions) {
    const name = persistenceId.slice(0, persistenceId.indexOf("/"));
    this.#model = model;
    this.#id = persistenceId.slice(name.length + 1);
    this.#unknown =
      model === undefined
        ? `the definition "${name}" is not known here`
        : "the events before this one have been cut away";
  }

  take(event: StoredEvent): StateThen {
    if (this.#model === undefined) return { unknown: this.#unknown };
    try {
      this.#state = this.#next(this.#model, event);
    } catch (error) {
      this.#state = undefined;
      this.#unknown = `event ${event.sequenceNumber} could not be applied: ${reasonOf(error)}`;
    }
    if (this.#state === undefined) return { unknown: this.#unknown };
    const timers = Object.fromEntries(
      Array.from(this.#state.timers, ([name, { atMs, data }]) => [
        name,
        { at: new Date(atMs), data },
      ]),
    );
    return { state: plainJson(this.#state.user), timers: plainJson(timers) };
  }

  #next(model: PersistentActorModel, event: StoredEvent): EntityState | undefined {
    if (event.kind === "base") return stateFromBase(model, event);
    if (event.prev === STARTS_ANEW) this.#state = initialEntityState(model, this.#id);
    return this.#state && foldStored(model, this.#id, this.#state, event);
  }
}
