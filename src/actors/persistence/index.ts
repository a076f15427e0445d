export {
  type AnyPersistentActorDefinition,
  definePersistentActor,
  type PersistentActorDefinition,
  type PersistentActorModel,
  type PersistentActorOptions,
  type PersistentActorWithoutCommands,
  type PersistentActorWithoutEvents,
  type PersistentActorWithoutTimers,
  type SnapshotOptions,
} from "./define-persistent-actor.ts";
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
export type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalPage,
  JournalRecord,
  Position,
  ShardExtent,
} from "./journal.ts";
export type {
  DurableTimers,
  PayloadArguments,
  PersistentContext,
  RecoveredContext,
  TimerTime,
} from "./persistent-context.ts";
export type {
  Commit,
  DirectoryEntry,
  ShardLog,
  ShardLogs,
  StagedEvent,
  StoredEvent,
} from "./shard-log.ts";
