export { ManualClock } from "./manual-clock.ts";
export { createProbe, type Probe, type ProbeWait } from "./probe.ts";
export {
  type TestActor,
  type TestActorOptions,
  type TestedEvent,
  type TestedTurn,
  testActor,
} from "./test-actor.ts";
export { createTestKernel, type TestKernel, type TestKernelOptions } from "./test-kernel.ts";
export { createTestSystem, type TestSystem, type TestSystemOptions } from "./test-system.ts";
export type { TestRun } from "./virtual-run.ts";
