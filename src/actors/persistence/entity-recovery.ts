/** Brings an entity's state back from the log, within the limits of concurrency and time. */
import { type Clock, type Limits, reasonOf, type Timer, TroupeError } from "../kernel/index.ts";
import {
  type EntityState,
  foldStored,
  initialEntityState,
  internalEvents,
  stateFromBase,
} from "./entity-state.ts";
import type { HostedShard } from "./hosted-shard.ts";
import type { RecoveryPermits } from "./recovery-permits.ts";
import type { ReplayOutcome, ShardLog, StoredEvent } from "./shard-log.ts";
import type { SnapshotGauge } from "./snapshot-gauge.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { Snapshot } from "./snapshot-store.ts";
import type { TurnSubject } from "./turn-subject.ts";

export interface RecoveryMeans {
  readonly gauge: SnapshotGauge;
  readonly home: {
    readonly clock: Clock;
    readonly limits: Limits;
    readonly recoveries: RecoveryPermits;
    readonly snapshots: SnapshotKeeper | undefined;
  };
}

export interface RecoveredEntity {
  readonly state: EntityState;
  /** Of the last event that the state contains. */
  readonly sequenceNumber: number;
  /** Whether the log knows the entity. */
  readonly existed: boolean;
}

/** Rejects when the shard does not open, an event cannot be read or applied, or it takes too long. */
export async function recoverEntity(
  subject: TurnSubject,
  shard: HostedShard,
  means: RecoveryMeans,
): Promise<RecoveredEntity> {
  const { model, id, persistenceId } = subject;
  means.gauge.reset(undefined);
  const log = await settledLog(shard, persistenceId);
  const { recoveries, snapshots } = means.home;
  if (log.entry(persistenceId) === undefined) {
    const sequenceNumber = log.lastSequenceNumberOf(persistenceId);
    return { state: initialEntityState(model, id), sequenceNumber, existed: false };
  }
  const state = await recoveries.run(async () => {
    // Asked again: it may have changed while the permit was waited for.
    const entry = log.entry(persistenceId);
    const snapshot = entry && (await snapshots?.load(subject, entry));
    return replay(log, subject, { ...means, snapshot });
  });
  return { state, sequenceNumber: log.lastSequenceNumberOf(persistenceId), existed: true };
}

/**
 * The serving log, once nothing of the entity is on its way there: one that was stopped at its deadline may have left
 * with a commit under way, which its successor must have seen.
 */
async function settledLog(shard: HostedShard, persistenceId: string): Promise<ShardLog> {
  for (;;) {
    const log = await shard.reopen();
    if (!log.isPending(persistenceId)) return log;
    // Fails only when the claim ends; then the next one knows what became of the commit.
    await log.barrier().catch(() => undefined);
  }
}

async function replay(
  log: ShardLog,
  subject: TurnSubject,
  { gauge, home, snapshot }: RecoveryMeans & { readonly snapshot: Snapshot | undefined },
): Promise<EntityState> {
  const { model, id, persistenceId } = subject;
  let state = initialEntityState(model, id);
  if (snapshot !== undefined) {
    state = stateFromBase(model, { ...snapshot, persistenceId, type: internalEvents.base });
    gauge.reset(snapshot.timeMs);
    if (log.entry(persistenceId)?.sequenceNumber === snapshot.sequenceNumber) return state;
  }
  const onEvent = (event: StoredEvent): void => {
    // A life that begins in what is shown makes any older state void; so does a base, by itself.
    if (event.sequenceNumber === 1 && event.kind === "event") {
      state = initialEntityState(model, id);
      gauge.reset(undefined);
    }
    try {
      state = foldStored(model, id, state, event);
    } catch (cause) {
      throw failureAt(event, cause);
    }
    if (event.kind === "event") gauge.count(event.timeMs, event.payload.length);
    else gauge.reset(event.timeMs);
  };
  const from = snapshot && {
    fromSequenceNumber: snapshot.sequenceNumber + 1,
    afterPosition: snapshot.position,
  };
  const replayed = (onRead: () => void): Promise<ReplayOutcome> =>
    log.replay(persistenceId, onEvent, { ...from, onRead });
  const { origin } = await whileItMoves(replayed, subject, home);
  if (snapshot !== undefined && origin !== "bound") home.snapshots?.tellForeign(subject, snapshot);
  return state;
}

function failureAt(event: StoredEvent, cause: unknown): TroupeError {
  const reason = `event ${event.sequenceNumber} ("${event.type}"): ${reasonOf(cause)}`;
  return new TroupeError(
    "TROUPE_RECOVERY_FAILED",
    { actor: event.persistenceId, reason },
    { cause },
  );
}

/**
 * Ends the wait when nothing was read for `recoveryTimeoutMs`, however long the whole takes: a long history that
 * is given up half-way would be read from its beginning by the next try, and never to its end.
 */
function whileItMoves<T>(
  replayed: (moved: () => void) => Promise<T>,
  { persistenceId: actor }: TurnSubject,
  { clock, limits }: RecoveryMeans["home"],
): Promise<T> {
  return new Promise((resolve, reject) => {
    let movedMs = clock.monotonicMs();
    const watch = (delayMs: number): Timer =>
      clock.setTimer(delayMs, () => {
        const leftMs = movedMs + limits.recoveryTimeoutMs - clock.monotonicMs();
        if (leftMs > 0) {
          timer = watch(leftMs);
          return;
        }
        const reason = `none of its events could be read for ${limits.recoveryTimeoutMs} ms`;
        reject(new TroupeError("TROUPE_RECOVERY_FAILED", { actor, reason }));
      });
    let timer = watch(limits.recoveryTimeoutMs);
    const end = (settle: () => void): void => {
      timer.cancel();
      settle();
    };
    const moved = (): void => {
      movedMs = clock.monotonicMs();
    };
    replayed(moved).then(
      (outcome) => end(() => resolve(outcome)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
