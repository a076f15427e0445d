/// <reference types="node" preserve="true" />
/**
 * Troupe: durable actors, pipelines and remote agents for Node.js.
 *
 * ```ts
 * import { createSystem, definePersistentActor } from "troupe";
 *
 * const Account = definePersistentActor("account", { initialState: () => ({ balanceCents: 0 }) })
 *   .events({
 *     deposited: (state, e: { amountCents: number }) => ({ balanceCents: state.balanceCents + e.amountCents }),
 *   })
 *   .commands({
 *     deposit: (account, amountCents: number) => account.persist("deposited", { amountCents }),
 *     balance: (account) => account.state.balanceCents,
 *   });
 *
 * await using system = await createSystem({ name: "shop", dataDir: "./data" });
 * await system.actor(Account, "alice").deposit(500); // in the journal when this resolves
 * ```
 *
 * This list is the whole public face; what is not in it may change at any time.
 */

// ── Supervision ────────────────────────────────────────────────────────────────────────────
export type {
  Backoff,
  Directive,
  ErrorClass,
  Supervision,
  SupervisionRule,
} from "./actors/kernel/index.ts";
// ── Commands and handles ───────────────────────────────────────────────────────────────────
// ── Errors ─────────────────────────────────────────────────────────────────────────────────
// ── Ports and bounds ───────────────────────────────────────────────────────────────────────
export {
  type ActorContext,
  type ActorDefinition,
  type ActorOptions,
  type ActorRef,
  type ActorSelf,
  type ActorServices,
  type ActorSnapshot,
  type ActorTimers,
  type ActorWithoutCommands,
  type Addressed,
  type Answer,
  type AnyHandler,
  type AnyTroupeError,
  type Behaviour,
  type BehaviourContext,
  type BehaviourOptions,
  type BehaviourTimers,
  type CallOptions,
  type CheckCommands,
  type Clock,
  type CommandMap,
  CommandRejectedError,
  type CommandTarget,
  command,
  consoleLogger,
  type DeadLetter,
  type DeadLetterReason,
  type DeadLetters,
  defineActor,
  defineBehaviour,
  type ErrorCode,
  type ErrorDetails,
  type Handle,
  type HandleClass,
  type HandleMembers,
  isRejectedBy,
  isTroupeError,
  type Kernel,
  type Limit,
  type LimitName,
  type Limits,
  type LogFields,
  type Logger,
  type LogLevel,
  limitTable,
  type MailboxOptions,
  type MessageRef,
  type MethodOf,
  type Observer,
  type Outcome,
  type Overflow,
  type Question,
  type Random,
  type Receive,
  Rejection,
  type RejectionOf,
  type RejectionsOf,
  type ReplyOf,
  type ReservedName,
  type SpawnArgs,
  type Spawnable,
  type SpawnOptions,
  type StandardSchemaV1,
  type Stashed,
  type StopOptions,
  silentLogger,
  type Terminated,
  type Timer,
  type TimerSchedule,
  type Tried,
  TroupeError,
  type ValidatedCommand,
} from "./actors/kernel/index.ts";
export type { Journal, JournalObserver } from "./actors/persistence/index.ts";
// ── Persistent actors ──────────────────────────────────────────────────────────────────────
export {
  type ActorContract,
  type AnyPersistentActorDefinition,
  actorContract,
  type ContractOf,
  type DurableTimers,
  definePersistentActor,
  type EntityPhase,
  type EntitySnapshot,
  type EventHandler,
  type EventMap,
  type ExactStates,
  type KeysOfUnion,
  type PayloadArguments,
  type PayloadOf,
  type PayloadOfHandler,
  type PersistentActorDefinition,
  type PersistentActorModel,
  type PersistentActorOptions,
  type PersistentActorWithoutCommands,
  type PersistentActorWithoutEvents,
  type PersistentActorWithoutTimers,
  type PersistentContext,
  type RecoveredContext,
  type SnapshotOptions,
  type StateFrom,
  type StrayKeys,
  type TimerTime,
  type VersionedEvent,
} from "./actors/persistence/index.ts";
// ── Actors in memory ───────────────────────────────────────────────────────────────────────
// ── Pipelines ──────────────────────────────────────────────────────────────────────────────
export {
  definePipeline,
  type Expression,
  type ExpressionOf,
  type Job,
  type JobDefinition,
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
// ── Systems ────────────────────────────────────────────────────────────────────────────────
export {
  type Addressable,
  createSystem,
  type Definitions,
  type System,
  type SystemOptions,
} from "./actors/system/index.ts";
