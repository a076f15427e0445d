export type { AttemptRequest, Demand, Scheduler, WorkerCapacity } from "./scheduler.ts";
