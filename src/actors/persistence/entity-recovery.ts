/** Brings an entity's state back from the log, within the limits of concurrency and time. */
import { type Clock, type Limits, reasonOf, TroupeError } from "../kernel/index.ts";
import { type EntityState, foldStored, initialEntityState } from "./entity-state.ts";
import type { HostedShard } from "./hosted-shard.ts";
import type { RecoveryPermits } from "./recovery-permits.ts";
import type { ShardLog, StoredEvent } from "./shard-log.ts";
import type { SnapshotGauge } from "./snapshot-gauge.ts";
import type { TurnSubject } from "./turn-subject.ts";

export interface RecoveryMeans {
  readonly gauge: SnapshotGauge;
  readonly home: {
    readonly clock: Clock;
    readonly limits: Limits;
    readonly recoveries: RecoveryPermits;
  };
}

export interface RecoveredEntity {
  readonly state: EntityState;
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
  const log = await shard.reopen();
  if (log.entry(persistenceId) === undefined) {
    return { state: initialEntityState(model, id), existed: false };
  }
  const state = await means.home.recoveries.run(() => replay(log, subject, means));
  return { state, existed: true };
}

async function replay(
  log: ShardLog,
  subject: TurnSubject,
  { gauge, home }: RecoveryMeans,
): Promise<EntityState> {
  const { model, id, persistenceId } = subject;
  let state = initialEntityState(model, id);
  const replayed = log.replay(persistenceId, (event) => {
    try {
      state = foldStored(model, id, state, event);
    } catch (cause) {
      throw failureAt(event, cause);
    }
    if (event.kind === "event") gauge.count(event.timeMs, event.payload.length);
    else gauge.reset(event.timeMs);
  });
  await within(replayed, subject, home);
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

function within(
  replayed: Promise<unknown>,
  { persistenceId: actor }: TurnSubject,
  { clock, limits }: RecoveryMeans["home"],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(limits.recoveryTimeoutMs, () => {
      const reason = `its events were not read within ${limits.recoveryTimeoutMs} ms`;
      reject(new TroupeError("TROUPE_RECOVERY_FAILED", { actor, reason }));
    });
    const end = (settle: () => void): void => {
      timer.cancel();
      settle();
    };
    replayed.then(
      () => end(resolve),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
