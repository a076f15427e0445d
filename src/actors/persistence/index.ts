export { type ActorContract, actorContract, type ContractOf } from "./actor-contract.ts";
export {
  type AnyPersistentActorDefinition,
  definePersistentActor,
  type PersistentActorDefinition,
  type PersistentActorModel,
  type PersistentActorOptions,
  type PersistentActorWithoutCommands,
  type PersistentActorWithoutEffects,
  type PersistentActorWithoutEvents,
  type PersistentActorWithoutTimers,
  type SnapshotOptions,
} from "./define-persistent-actor.ts";
export { DryEntity, type DryEvent, type DryTurn } from "./dry-entity.ts";
export type { EntityPhase, EntitySnapshot } from "./entity.ts";
export { EntityHost, type EntityHostOptions } from "./entity-host.ts";
export { readEvents } from "./event-codec.ts";
export type {
  EventHandler,
  EventMap,
  ExactStates,
  KeysOfUnion,
  PayloadOf,
  PayloadOfHandler,
  StateFrom,
  StrayKeys,
  VersionedEvent,
} from "./event-map.ts";
export { type Frame, type FrameFault, type FrameKind, FrameReader } from "./frame.ts";
export type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalPage,
  JournalRecord,
  Position,
  ShardExtent,
} from "./journal.ts";
export type { JournalObserver } from "./journal-observer.ts";
export {
  checkShardCount,
  type EmbeddedJournalOptions,
  fileRefusal,
  type ImportSource,
  type KafkaImport,
  type KafkaJournalOptions,
  type KafkaOptions,
  type MemoryJournalOptions,
  makeFolders,
  memoryJournal,
  openEmbeddedJournal,
  openKafkaImport,
  openKafkaJournal,
  readingWish,
  refusedFile,
  type SaslOptions,
  type SaslPassword,
  type SaslToken,
} from "./journals/index.ts";
export type {
  DurableTimers,
  PayloadArguments,
  PersistentContext,
  RecoveredContext,
  TimerTime,
} from "./persistent-context.ts";
export type {
  EffectContext,
  EffectOptions,
  ParkedEffect,
  ReliableEffects,
} from "./reliable-effects.ts";
export {
  type FilteredEvent,
  type FilteredRecord,
  type ReplayFilter,
  type ReplayFilterOptions,
  replayFilter,
} from "./replay-filter.ts";
export {
  advance,
  EMPTY_LOG,
  judge,
  provesLoss,
  type ReplayState,
  type SkipReason,
  type Verdict,
} from "./replay-rule.ts";
export type { ClusterView, ViewSource } from "./shard-context.ts";
export type {
  BaseSource,
  BaseState,
  Commit,
  DirectoryEntry,
  ReplayBounds,
  ReplayOutcome,
  Seat,
  ShardLog,
  ShardLogs,
  StagedEvent,
  StoredEvent,
} from "./shard-log.ts";
export { NodeShardLogs, openShardLogs, type ShardLogsParts } from "./shard-logs.ts";
export {
  defaultShardLogsOptions,
  type ShardLogsOptions,
  shardLogsOptions,
} from "./shard-logs-options.ts";
export type { Snapshot, SnapshotBounds, SnapshotKey, SnapshotStore } from "./snapshot-store.ts";
export {
  type MemorySnapshotStoreOptions,
  memorySnapshotStore,
  openRedisSnapshotStore,
  type RedisOptions,
  type RedisSettings,
  type RedisSnapshotStoreOptions,
} from "./snapshot-stores/index.ts";
export * from "./tools/index.ts";
