/** Where a cut of the log gets the state of an entity from that is not in memory: a fold of its events. */
import type { Clock } from "../kernel/index.ts";
import type { PersistentActorModel } from "./define-persistent-actor.ts";
import { baseEvent, encodeBase, foldStored, initialEntityState } from "./entity-state.ts";
import type { RecoveryPermits } from "./recovery-permits.ts";
import type { BaseSource, BaseState, ShardLog } from "./shard-log.ts";

export interface BaseSourceMeans {
  /** undefined = this program does not know the definition. */
  modelOf(name: string): PersistentActorModel | undefined;
  readonly clock: Clock;
  readonly recoveries: RecoveryPermits;
}

/** Reads and folds under the same limit as recoveries, so that a cut never crowds them out. */
export function baseSource(means: BaseSourceMeans): BaseSource {
  return async (log, persistenceId) => {
    const slash = persistenceId.indexOf("/");
    const model = means.modelOf(persistenceId.slice(0, slash));
    if (model === undefined) return undefined;
    const subject = { model, id: persistenceId.slice(slash + 1), persistenceId };
    return means.recoveries.run(() => baseOf(log, subject, means.clock));
  };
}

async function baseOf(
  log: ShardLog,
  { model, id, persistenceId }: { model: PersistentActorModel; id: string; persistenceId: string },
  clock: Clock,
): Promise<BaseState | undefined> {
  let state = initialEntityState(model, id);
  let sequenceNumber = 0;
  await log.replay(persistenceId, (event) => {
    state = foldStored(model, id, state, event);
    sequenceNumber = event.sequenceNumber;
  });
  const entry = log.entry(persistenceId);
  // It went on meanwhile: what the live index says belongs to a later state.
  if (entry === undefined || entry.sequenceNumber !== sequenceNumber) return undefined;
  const payload = encodeBase(state, `The state of ${persistenceId}`);
  const { open, wakeAtMs } = entry;
  const event = baseEvent(model, { timeMs: clock.nowMs(), payload, open, wakeAtMs });
  return { sequenceNumber, event };
}
