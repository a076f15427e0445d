/** The benchmark's own processes: a server, and hosts of agents. They answer one question at a time. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

export interface ProcessCost {
  readonly rssBytes: number;
  readonly cpuMs: number;
}

export interface AgentBegin {
  /** `run/job#attempt` */
  readonly attempt: string;
  /** Since the epoch, with fractions. */
  readonly atMs: number;
}

export type ToServerProcess = { readonly dataDir: string; readonly listen: string } | "cost";

export interface AgentsWanted {
  readonly server: string;
  readonly folder: string;
  readonly names: readonly string[];
  readonly tokens: readonly string[];
  readonly slots: number;
}

export type ToAgentsProcess = AgentsWanted | "cost";

export type FromChild =
  | { readonly type: "ready"; readonly address: string }
  | { readonly type: "cost"; readonly cost: ProcessCost }
  | { readonly type: "begins"; readonly begins: readonly AgentBegin[] };

/** One of the files beside this one, as a process with a channel. */
export class Child {
  readonly #process: ChildProcess;
  readonly begins: AgentBegin[] = [];

  constructor(name: string) {
    const file = new URL(`${name}.js`, import.meta.url);
    this.#process = fork(file, [], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#process.on("message", (message: FromChild) => {
      if (message.type === "begins") this.begins.push(...message.begins);
    });
  }

  async start(order: Exclude<ToServerProcess | ToAgentsProcess, string>): Promise<string> {
    this.#process.send(order);
    const answer = await this.#answer("ready");
    return answer.address;
  }

  async cost(): Promise<ProcessCost> {
    this.#process.send("cost");
    return (await this.#answer("cost")).cost;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  async #answer<T extends FromChild["type"]>(type: T): Promise<Extract<FromChild, { type: T }>> {
    const exited = once(this.#process, "exit").then(() => {
      throw new Error("a process of the benchmark ended before its answer");
    });
    const answered = new Promise<Extract<FromChild, { type: T }>>((resolve) => {
      const listen = (message: FromChild): void => {
        if (message.type !== type) return;
        this.#process.off("message", listen);
        resolve(message as Extract<FromChild, { type: T }>);
      };
      this.#process.on("message", listen);
    });
    // Whoever loses the race must not count as unhandled.
    exited.catch(() => {});
    return Promise.race([answered, exited]);
  }
}

/** In a child: what this process has taken so far. */
export function costOfThisProcess(): ProcessCost {
  globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage().rss, cpuMs: (user + system) / 1_000 };
}

export function tellParent(message: FromChild): void {
  process.send?.(message);
}
