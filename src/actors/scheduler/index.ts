export type { AttemptRequest, Demand, Scheduler } from "./scheduler.ts";
export { type Assign, type SchedulerOptions, startScheduler } from "./scheduler-actor.ts";
