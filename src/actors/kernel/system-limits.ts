/**
 * The bounds that one system may have otherwise (`createSystem({ limits })`). The rest of `limitTable` is fixed: what is
 * stored must be good for every process that reads it, and what a definition says of itself it says with its own options.
 */
import type { LimitName, Limits } from "./limits.ts";

export const systemLimitNames = [
  // Actors and their asks.
  "askTimeoutMs",
  "mailboxMessagesMax",
  "stashMessagesMax",
  "waitingAsksMax",
  "timersPerActorMax",
  "turnMessagesMax",
  "sliceMs",
  "stopDeadlineMs",
  "handlerWarnMs",
  "blockWarnMs",
  "deadLetterSamplesMax",
  "restartsMax",
  "restartsWithinMs",
  "nameCharactersMax",
  // Persistent actors.
  "unconfirmedTurnsMax",
  "timerRetryMaxMs",
  "effectsAtOnceMax",
  "effectTimeoutMs",
  "effectAttemptsMax",
  "effectRetryMaxMs",
  "recoveriesMax",
  "recoveryTimeoutMs",
  "recoveryRetryMaxMs",
  "passivateAfterMs",
  "residentEntitiesMax",
  // The way to the journal.
  "eventBytesMax",
  "persistenceIdBytesMax",
  "frameBytes",
  "stagedBytesMax",
  "appendsInFlightMax",
  "appendSlowMs",
  "appendRetryPauseMs",
  "uncertainMaxMs",
  "shardOpenTimeoutMs",
  "reclaimsMax",
  "stalledRetryMs",
  "checkpointEveryEvents",
  "checkpointEveryBytes",
  "checkpointFullEvery",
  "checkpointPartBytes",
  "readPageBytes",
  "replayBufferBytes",
  "frameCacheBytes",
  "framePageBytes",
  "cutAfterBytes",
] as const satisfies readonly LimitName[];

export type SystemLimitName = (typeof systemLimitNames)[number];
export type SystemLimits = Pick<Limits, SystemLimitName>;

export function isSystemLimitName(name: string): name is SystemLimitName {
  return (systemLimitNames as readonly string[]).includes(name);
}
