/** Processes of the suite, asked one question at a time. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Child {
  readonly pid: number;
  ask<Answer>(question: object): Promise<Answer>;
  stop(): Promise<void>;
}

/** `name` is a file beside this one, without its ending. */
export function startChild(name: string, args: readonly string[] = []): Child {
  // Built, it is JavaScript; from source it is run by the loader that runs this file.
  const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const process = fork(fileURLToPath(new URL(name + ending, import.meta.url)), args);
  const ended = once(process, "exit");
  return {
    pid: process.pid ?? 0,
    async ask<Answer>(question: object): Promise<Answer> {
      process.send(question);
      const answer = await Promise.race([once(process, "message"), ended.then(() => undefined)]);
      if (answer === undefined) throw new Error(`${name} has ended`);
      return answer[0] as Answer;
    },
    async stop() {
      process.kill("SIGTERM");
      await ended;
    },
  };
}

/** The child's side: answers each question with what `answer` resolves to. */
export function answerQuestions<Question>(answer: (question: Question) => Promise<object>): void {
  process.on("message", (question: Question) => {
    answer(question).then(
      (value) => process.send?.(value),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

export interface Usage {
  readonly cpuMs: number;
  /** Highest resident memory since it started. */
  readonly memoryPeakBytes: number;
  /** Resident now. */
  readonly memoryBytes: number;
}

const ticksPerSecond = 100;

/** Of any process, as Linux counts it. */
export function usageOf(pid: number): Usage {
  const [, fields = ""] = /\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
  const numbers = fields.split(" ").map(Number);
  const ticks = (numbers[11] ?? 0) + (numbers[12] ?? 0);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const memory = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status);
    return Number(found?.[1] ?? 0) * 1_024;
  };
  return {
    cpuMs: (ticks * 1_000) / ticksPerSecond,
    memoryPeakBytes: memory("VmHWM"),
    memoryBytes: memory("VmRSS"),
  };
}
