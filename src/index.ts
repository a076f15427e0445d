/// <reference types="node" preserve="true" />
// biome-ignore-all assist/source/organizeImports: the groups are for those who read the list
/**
 * Troupe: durable actors, pipelines and remote agents for Node.js.
 *
 * ```ts
 * import { createSystem, definePersistentActor } from "troupe";
 *
 * const Account = definePersistentActor("account", { initialState: () => ({ cents: 0 }) })
 *   .events({ deposited: (state, e: { cents: number }) => ({ cents: state.cents + e.cents }) })
 *   .commands({
 *     deposit: (account, cents: number) => account.persist("deposited", { cents }),
 *     balance: (account) => account.state.cents,
 *   });
 *
 * await using system = await createSystem({ name: "shop", dataDir: "./data" });
 * await system.actor(Account, "alice").deposit(500); // resolves once it is on disk
 * ```
 *
 * This list is the whole public face; what is not in it may change at any time.
 */

// ── Systems ────────────────────────────────────────────────────────────────────────────────
export {
  type Addressable,
  createSystem,
  type Definitions,
  type System,
  type SystemOptions,
} from "./actors/system/index.ts";

// ── Persistent actors ──────────────────────────────────────────────────────────────────────
export {
  type ActorContract,
  type AnyPersistentActorDefinition,
  actorContract,
  type ContractOf,
  type DurableTimers,
  definePersistentActor,
  type EffectContext,
  type EffectOptions,
  type EntityPhase,
  type EntitySnapshot,
  type EventHandler,
  type EventMap,
  type ExactStates,
  type KeysOfUnion,
  type ParkedEffect,
  type PayloadArguments,
  type PayloadOf,
  type PayloadOfHandler,
  type PersistentActorDefinition,
  type PersistentActorModel,
  type PersistentActorOptions,
  type PersistentActorWithoutCommands,
  type PersistentActorWithoutEffects,
  type PersistentActorWithoutEvents,
  type PersistentActorWithoutTimers,
  type PersistentContext,
  type RecoveredContext,
  type ReliableEffects,
  type SnapshotOptions,
  type StateFrom,
  type StrayKeys,
  type TimerTime,
  type VersionedEvent,
} from "./actors/persistence/index.ts";

// ── Actors in memory ───────────────────────────────────────────────────────────────────────
export {
  type ActorContext,
  type ActorDefinition,
  type ActorOptions,
  type ActorSelf,
  type ActorServices,
  type ActorTimers,
  type ActorWithoutCommands,
  type Addressed,
  type Behaviour,
  type BehaviourContext,
  type BehaviourOptions,
  type BehaviourTimers,
  consistentHash,
  defineActor,
  defineBehaviour,
  defineRouter,
  type MailboxOptions,
  type Overflow,
  type Receive,
  type Route,
  type Routed,
  type RouterOptions,
  roundRobin,
  type Spawnable,
  type SpawnArgs,
  type SpawnOptions,
  type Terminated,
  type TimerSchedule,
} from "./actors/kernel/index.ts";

// ── Supervision of actors in memory ────────────────────────────────────────────────────────
export type {
  Backoff,
  Directive,
  ErrorClass,
  Supervision,
  SupervisionRule,
} from "./actors/kernel/index.ts";

// ── Commands and handles ───────────────────────────────────────────────────────────────────
export {
  type ActorRef,
  type Answer,
  type AnyHandler,
  type CallOptions,
  type CheckCommands,
  type CommandMap,
  type CommandTarget,
  command,
  type Handle,
  type HandleClass,
  type HandleMembers,
  type MessageRef,
  type MethodOf,
  type Question,
  type RejectionOf,
  type ReplyOf,
  type ReservedName,
  type StandardSchemaV1,
  type StopOptions,
  type Tried,
  type ValidatedCommand,
} from "./actors/kernel/index.ts";

// ── Pipelines ──────────────────────────────────────────────────────────────────────────────
export {
  definePipeline,
  hashFiles,
  type Expression,
  type ExpressionOf,
  type Job,
  type CacheDefinition,
  type CacheOptions,
  type CheckoutDefinition,
  type CheckoutOptions,
  type JobDefinition,
  type JobLimits,
  type JobOptions,
  type OutputMap,
  type OutputsOf,
  type ParameterDefinition,
  type ParameterMap,
  type ParameterOptions,
  type ParametersOf,
  type Pipeline,
  type PipelineBuilder,
  type PipelineDefinition,
  type PipelineOptions,
  type RetryOptions,
  type RetryPolicy,
  type Secret,
  type Shell,
  type ShellScript,
  type ShellValue,
  sh,
  type Template,
  type TextTemplate,
  template,
  type VariableValue,
} from "./actors/pipelines/index.ts";

// ── The journal, for those who read its topic by themselves ────────────────────────────────
export {
  type FilteredEvent,
  type FilteredRecord,
  type ReplayFilter,
  type ReplayFilterOptions,
  type ReplayState,
  replayFilter,
  type SkipReason,
} from "./actors/persistence/index.ts";

// ── Errors ─────────────────────────────────────────────────────────────────────────────────
export {
  type AnyTroupeError,
  CommandRejectedError,
  type ErrorCode,
  type ErrorDetails,
  isRejectedBy,
  isTroupeError,
  type Outcome,
  Rejection,
  type RejectionsOf,
  type Stashed,
  TroupeError,
} from "./actors/kernel/index.ts";

// ── Ports and bounds ───────────────────────────────────────────────────────────────────────
export {
  type ActorSnapshot,
  type Clock,
  consoleLogger,
  type DeadLetter,
  type DeadLetterReason,
  type DeadLetters,
  type Kernel,
  type Limit,
  type LimitName,
  type Limits,
  type SystemLimitName,
  type SystemLimits,
  systemLimitNames,
  type LogFields,
  type Logger,
  type LogLevel,
  limitTable,
  type Observed,
  type Observer,
  type Random,
  type ShutdownPhase,
  silentLogger,
  type StopSignal,
  type Timer,
  type TurnSource,
  type Turns,
} from "./actors/kernel/index.ts";
export type {
  Journal,
  JournalObserver,
  KafkaOptions,
  RedisOptions,
  RedisSettings,
  SaslOptions,
  SaslPassword,
  SaslToken,
  Snapshot,
  SnapshotBounds,
  SnapshotKey,
  SnapshotStore,
} from "./actors/persistence/index.ts";
