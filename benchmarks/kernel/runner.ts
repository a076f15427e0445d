import { type ChildProcess, fork, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { WorkName } from "./work.ts";

/** A contender in another process. */
export interface Runner {
  readonly key: string;
  readonly peer: string | undefined;
  readonly works: ReadonlySet<string>;
  /** Does the work once; the processor time that the whole process took for it, in milliseconds. */
  run(work: WorkName, count: number): Promise<number>;
  stop(): void;
}

interface Introduction {
  readonly peer?: string;
  readonly works: readonly string[];
}

/** Answers in the order in which they came; all that are waited for fail when the process ends. */
class Answers<T> {
  readonly #came: T[] = [];
  readonly #waiting: { resolve: (answer: T) => void; reject: (error: Error) => void }[] = [];

  constructor(child: ChildProcess) {
    child.once("exit", (code, signal) => {
      const error = new Error(`a contender's process has ended (${code ?? signal})`);
      for (const { reject } of this.#waiting) reject(error);
    });
  }

  came(answer: T): void {
    const first = this.#waiting.shift();
    if (first === undefined) this.#came.push(answer);
    else first.resolve(answer);
  }

  next(): Promise<T> {
    const answer = this.#came.shift();
    if (answer !== undefined) return Promise.resolve(answer);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

// Built, it is JavaScript; from source it is run by the loader that runs this file.
const file = import.meta.url.endsWith(".ts") ? "contender-process.ts" : "contender-process.js";
const contenderProcess = fileURLToPath(new URL(file, import.meta.url));

/** Starts a contender that runs on Node. */
export async function startNode(key: string, path = contenderProcess): Promise<Runner> {
  const child = fork(path, [key]);
  const answers = new Answers<unknown>(child);
  child.on("message", (message) => answers.came(message));
  const { peer, works } = (await answers.next()) as Introduction;
  return {
    key,
    peer,
    works: new Set(works),
    run: async (work, count) => {
      child.send({ work, count });
      const { cpuMs } = (await answers.next()) as { cpuMs: number };
      return cpuMs;
    },
    stop: () => void child.kill("SIGKILL"),
  };
}

/** Starts a contender that speaks in lines: its peer and works first, then `<work>;<count>` → milliseconds. */
export async function startLines(
  key: string,
  command: string,
  args: readonly string[],
): Promise<Runner> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const answers = new Answers<string>(child);
  createInterface(child.stdout).on("line", (line) => answers.came(line));
  const peer = await answers.next();
  const works = (await answers.next()).split(";");
  return {
    key,
    peer,
    works: new Set(works),
    run: async (work, count) => {
      child.stdin.write(`${work};${count}\n`);
      return Number(await answers.next());
    },
    stop: () => void child.kill("SIGKILL"),
  };
}
