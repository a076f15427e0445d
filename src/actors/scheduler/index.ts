export {
  type ConcurrencyGroupDefinition,
  type ConcurrencyGroupHandle,
  defineConcurrencyGroup,
  type GroupEffects,
  type GroupStanding,
  type GroupTicket,
} from "./concurrency-group.ts";
export type { AttemptRequest, Demand, Scheduler } from "./scheduler.ts";
export { type Assign, type SchedulerOptions, startScheduler } from "./scheduler-actor.ts";
