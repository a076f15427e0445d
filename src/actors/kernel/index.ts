export type { StandardSchemaV1 } from "@standard-schema/spec";
export type { ActorRef, StopOptions } from "./actor-ref.ts";
export type { ActorServices, Addressed, Terminated, TimerSchedule } from "./actor-services.ts";
export { Ask } from "./ask.ts";
export { Asks, type AsksOwner } from "./asks.ts";
export type { MailboxOptions, Overflow, SpawnArgs, Spawnable, SpawnOptions } from "./blueprint.ts";
export { type CallOptions, checkReadAndSignal, timeoutOf } from "./call-options.ts";
export {
  checkCommands,
  checkFunction,
  checkNumber,
  checkRecord,
  invalidOption,
  shortText,
} from "./check-options.ts";
export { type Clock, systemClock, type Timer, type TimerOptions } from "./clock.ts";
export {
  type AnyHandler,
  type CommandMap,
  command,
  issueLines,
  isValidatedCommand,
  type MethodOf,
  type ValidatedCommand,
} from "./command.ts";
export { type DeadLetter, type DeadLetterReason, DeadLetters } from "./dead-letters.ts";
export {
  type ActorContext,
  type ActorDefinition,
  type ActorOptions,
  type ActorSelf,
  type ActorTimers,
  type ActorWithoutCommands,
  defineActor,
} from "./define-actor.ts";
export {
  type Behaviour,
  type BehaviourContext,
  type BehaviourOptions,
  type BehaviourTimers,
  defineBehaviour,
  type Receive,
} from "./define-behaviour.ts";
export {
  consistentHash,
  defineRouter,
  type Route,
  type Routed,
  type RouterOptions,
  roundRobin,
} from "./define-router.ts";
export {
  type DefinitionProblem,
  type ErrorCode,
  type ErrorDetails,
  type ErrorEntry,
  errorTable,
  type Outcome,
} from "./errors.ts";
export { guardedObserver, PortGuard } from "./guarded-ports.ts";
export {
  type CommandTarget,
  type Handle,
  type HandleClass,
  type HandleMembers,
  handleClass,
  type RejectionOf,
  type ReplyOf,
  type Tried,
} from "./handle.ts";
export type { ActorSnapshot } from "./inspection.ts";
export { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
export { type Limit, type LimitName, type Limits, limits, limitTable } from "./limits.ts";
export {
  consoleLogger,
  type LogFields,
  type Logger,
  type LogLevel,
  silentLogger,
} from "./logger.ts";
export type { Answer, MessageRef, Question } from "./message-ref.ts";
export { nactTurns, type TurnSource, type Turns } from "./nact-turns.ts";
export { escapeName } from "./names.ts";
export type { Observed, Observer } from "./observer.ts";
export { type StopSignal, stopSignals } from "./process-signals.ts";
export { type Random, seededRandom, systemRandom } from "./random.ts";
export { isRejectedBy, type RejectionsOf } from "./rejected-by.ts";
export { CommandRejectedError, Rejection, type Stashed, stashed } from "./rejection.ts";
export {
  type CheckCommands,
  checkCommandNames,
  type ReservedName,
  reservedNames,
} from "./reserved-names.ts";
export type { ShutdownPhase } from "./shutdown.ts";
export type {
  Backoff,
  Directive,
  ErrorClass,
  Supervision,
  SupervisionRule,
} from "./supervision.ts";
export { type SystemLimitName, type SystemLimits, systemLimitNames } from "./system-limits.ts";
export { isThenable } from "./thenable.ts";
export { type AnyTroupeError, isTroupeError, reasonOf, TroupeError } from "./troupe-error.ts";
