/** `troupe-agent` as a real process, from source. */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";
import { waitUntil } from "../../support/wait-until.ts";
import { temporaryFolder } from "./folder.ts";

const entry = fileURLToPath(new URL("../../../src/agent/main.ts", import.meta.url));
const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stateDir: string;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout(): string;
  stderr(): string;
  says(text: string): Promise<unknown>;
}

export interface AgentProcessOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly stateDir?: string;
}

/** Starts it; it is killed when the test ends. */
export function agentProcess(options: AgentProcessOptions = {}): AgentProcess {
  const stateDir = options.stateDir ?? temporaryFolder();
  const args = ["--import", loader, entry, ...(options.args ?? [])];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], HOME: stateDir, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  return {
    child,
    pid: child.pid as number,
    stateDir,
    ended: new Promise((resolve) => {
      child.once("close", (code, signal) => resolve({ code, signal }));
    }),
    stdout: () => stdout,
    stderr: () => stderr,
    says: (text) =>
      waitUntil(`${JSON.stringify(text)} from the agent`, () => stderr.includes(text)),
  };
}
