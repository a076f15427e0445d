import {
  type Addressed,
  type BehaviourContext,
  defineBehaviour,
  type Kernel,
  type MessageRef,
  type Terminated,
} from "../kernel/index.ts";

export interface ProbeWait {
  /** Milliseconds of the kernel's clock. Default 3,000. */
  readonly withinMs?: number;
}

/** An actor of the test: keeps what it is sent, and waits for what is expected. */
export interface Probe<M> {
  readonly ref: MessageRef<M>;
  /** Everything received so far, oldest first. */
  readonly received: readonly M[];
  /** The next message that nobody has taken yet. */
  next(wait?: ProbeWait): Promise<M>;
  /** The next message for which `fits` holds; those before it are taken as well. */
  nextThat<N extends M>(fits: (message: M) => message is N, wait?: ProbeWait): Promise<N>;
  nextThat(fits: (message: M) => boolean, wait?: ProbeWait): Promise<M>;
  /** Resolves when `withinMs` have passed without a message; fails with the first that comes. */
  none(wait?: ProbeWait): Promise<void>;
  /** Resolves when `target` has ended. */
  terminated(target: Addressed, wait?: ProbeWait): Promise<Terminated>;
}

const defaultWaitMs = 3_000;

class KernelProbe<M> implements Probe<M> {
  readonly ref: MessageRef<M>;
  readonly received: M[] = [];
  readonly #kernel: Kernel;
  readonly #context: Promise<BehaviourContext<M>>;
  #taken = 0;
  #arrived: (() => void)[] = [];

  constructor(kernel: Kernel, name: string) {
    this.#kernel = kernel;
    let started: (context: BehaviourContext<M>) => void = () => {};
    this.#context = new Promise((resolve) => {
      started = resolve;
    });
    const behaviour = defineBehaviour<M>("probe", (context) => {
      started(context);
      return (message) => this.#take(message);
    });
    this.ref = kernel.spawn(behaviour, name);
  }

  #take(message: M): void {
    this.received.push(message);
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const wake of arrived) wake();
  }

  next(wait: ProbeWait = {}): Promise<M> {
    return this.nextThat(() => true, wait);
  }

  nextThat(fits: (message: M) => boolean, wait: ProbeWait = {}): Promise<M> {
    const withinMs = wait.withinMs ?? defaultWaitMs;
    return new Promise((resolve, reject) => {
      const timer = this.#kernel.clock.setTimer(withinMs, () => {
        const seen = this.received.slice(-5).map((message) => JSON.stringify(message));
        reject(
          new Error(
            `Expected a message within ${withinMs} ms, none that fits came. Last received: ${seen.join(", ") || "nothing"}.`,
          ),
        );
      });
      const look = (): void => {
        while (this.#taken < this.received.length) {
          // Every index below the length holds a message.
          const message = this.received[this.#taken++] as M;
          if (fits(message)) {
            timer.cancel();
            resolve(message);
            return;
          }
        }
        this.#arrived.push(look);
      };
      look();
    });
  }

  none(wait: ProbeWait = {}): Promise<void> {
    const withinMs = wait.withinMs ?? 100;
    return new Promise((resolve, reject) => {
      const before = this.received.length;
      this.#kernel.clock.setTimer(withinMs, () => {
        const message = this.received[before];
        if (this.received.length === before) resolve();
        else reject(new Error(`Expected no message, but got ${JSON.stringify(message)}.`));
      });
    });
  }

  terminated(target: Addressed, wait: ProbeWait = {}): Promise<Terminated> {
    const withinMs = wait.withinMs ?? defaultWaitMs;
    return new Promise((resolve, reject) => {
      const timer = this.#kernel.clock.setTimer(withinMs, () => {
        reject(new Error(`Expected the actor to end within ${withinMs} ms; it has not.`));
      });
      void this.#context.then((context) =>
        context.watch(target, (terminated) => {
          timer.cancel();
          resolve(terminated);
        }),
      );
    });
  }
}

/** Makes a probe: an actor of the test itself. */
export function createProbe<M>(kernel: Kernel, name = "probe"): Probe<M> {
  return new KernelProbe<M>(kernel, name);
}
