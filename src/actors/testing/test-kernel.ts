import { createKernel, type Kernel, type KernelOptions } from "../kernel/index.ts";
import { type TestRun, VirtualRun } from "./virtual-run.ts";

export interface TestKernelOptions
  extends Omit<KernelOptions, "name" | "clock" | "random" | "turns"> {
  readonly name?: string;
  /** Decides the order of turns and everything random. The same seed gives the same run. Default 1. */
  readonly seed?: number;
}

/**
 * A kernel under virtual time, whose every turn is chosen by a seed: one message of one actor at
 * a time, in an order that differs from seed to seed and never for one seed.
 */
export interface TestKernel extends TestRun {
  readonly kernel: Kernel;
  /** Stops the kernel under virtual time. */
  stop(): Promise<void>;
}

class DeterministicKernel extends VirtualRun implements TestKernel {
  readonly kernel: Kernel;

  constructor({ seed = 1, ...options }: TestKernelOptions) {
    super(seed);
    const { clock, random, turns } = this;
    this.kernel = createKernel({ name: "test", ...options, clock, random, turns });
  }

  stop(): Promise<void> {
    return this.run(this.kernel.stop());
  }
}

/** Makes a kernel that runs deterministically from its seed. */
export function createTestKernel(options: TestKernelOptions = {}): TestKernel {
  return new DeterministicKernel(options);
}
