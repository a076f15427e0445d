/** One contender's process and the load generator against it. */
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContenderOptions } from "./contender.ts";
import type { Load, Measured } from "./load-process.ts";
import { answerOf, forked, killed } from "./processes.ts";

/**
 * For all contenders alike, as `docs/persistence.md` advises for servers: with Node's default of 16 MiB what waits for
 * the log is copied by the collector several times as often, for a tenth of the processor time and pauses in between.
 */
const contenderFlags = ["--max-semi-space-size=64"];

export interface SessionMeasured extends Measured {
  /** Processor time of the contender's process for one command, in µs. */
  readonly cpuUs: number;
}

export class Session {
  readonly peer: string | undefined;
  readonly #contender: ChildProcess;
  readonly #load: ChildProcess;

  private constructor(contender: ChildProcess, load: ChildProcess, peer: string | undefined) {
    this.#contender = contender;
    this.#load = load;
    this.peer = peer;
  }

  static async start(options: ContenderOptions): Promise<Session> {
    const socket = join(tmpdir(), `troupe-bench-${randomUUID()}.sock`);
    const contender = forked(
      "contender-process",
      [JSON.stringify(options), socket],
      contenderFlags,
    );
    const { peer } = (await answerOf(contender)) as { peer?: string };
    const load = forked("load-process", [socket, String(options.actors)]);
    await answerOf(load);
    return new Session(contender, load, peer);
  }

  async run(load: Load): Promise<SessionMeasured> {
    await this.#usage();
    this.#load.send(load);
    let measured: Measured;
    try {
      measured = (await answerOf(this.#load)) as Measured;
    } catch (error) {
      // The load generator ends when its socket does, and the contender knows why.
      await this.#usage();
      throw error;
    }
    const { cpuMs, answered } = await this.#usage();
    return { ...measured, cpuUs: (cpuMs * 1_000) / answered };
  }

  async #usage(): Promise<{ cpuMs: number; answered: number }> {
    this.#contender.send("usage");
    const usage = (await answerOf(this.#contender)) as {
      cpuMs: number;
      answered: number;
      failure?: string;
    };
    if (usage.failure !== undefined) throw new Error(`a command failed: ${usage.failure}`);
    return usage;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#load, this.#contender].map(killed));
  }
}
