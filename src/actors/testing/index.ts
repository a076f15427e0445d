export { ManualClock } from "./manual-clock.ts";
export { createProbe, type Probe, type ProbeWait } from "./probe.ts";
export { createTestKernel, type TestKernel, type TestKernelOptions } from "./test-kernel.ts";
