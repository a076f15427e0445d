/** A process of the run: started as built code or as source, spoken to by lines, ended by `kill -9`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { waitUntil } from "../support/wait-until.ts";
import { onLines } from "./lines.ts";

const isBuilt = import.meta.url.endsWith(".js");
const stderrCharactersMax = 16_000;

export class Child {
  readonly lines: string[] = [];
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #stderr = "";

  /** `name`: the script's file in this folder, without its extension. */
  constructor(name: string, args: readonly string[], onLine?: (line: string) => void) {
    this.#name = name;
    const script = new URL(`${name}.${isBuilt ? "js" : "ts"}`, import.meta.url).pathname;
    const loader = isBuilt ? [] : ["--import", "tsx"];
    this.#process = spawn(process.execPath, [...loader, script, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#closed = once(this.#process, "close");
    const { stdin, stdout, stderr } = this.#process;
    // It may be dead when it is spoken to.
    stdin?.on("error", () => {});
    if (stdout) onLines(stdout, onLine ?? ((line) => this.lines.push(line)));
    stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharactersMax);
    });
  }

  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** The end of what it wrote to standard error. */
  get lastWords(): string {
    return this.#stderr;
  }

  /** @throws what the process said last, when it has ended by itself. */
  checkAlive(): void {
    if (!this.hasEnded) return;
    throw new Error(`the ${this.#name} ended by itself:\n${this.#stderr}`);
  }

  has(line: string): boolean {
    return this.lines.includes(line);
  }

  hears(start: string): Promise<string> {
    return waitUntil(
      `the ${this.#name} says "${start}"`,
      () => {
        this.checkAlive();
        return this.lines.find((line) => line.startsWith(start));
      },
      { deadlineMs: 120_000 },
    );
  }

  /** What it answers to a question; the last words of one that does not. */
  async asked(question: string): Promise<string> {
    const before = this.lines.length;
    this.say(question);
    try {
      return await waitUntil(
        `the ${this.#name} answers`,
        () => this.lines.slice(before).find((line) => line.startsWith(`${question} `)),
        { deadlineMs: 5_000 },
      );
    } catch {
      return `the ${this.#name} does not answer${this.hasEnded ? ": it has ended" : ""}`;
    }
  }

  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#closed;
  }
}
