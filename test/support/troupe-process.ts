/**
 * Real processes of the built command line, as verbs. Everything started is killed with its
 * group when the test ends, also after a failure.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { waitUntil } from "./wait-until.ts";

const root = new URL("../../", import.meta.url).pathname;
const main = join(root, "dist", "src", "cli", "main.js");

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A temporary folder that goes with the test. Short, so that a unix socket fits into it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "troupe-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** Runs a command to its end. */
export async function troupe(args: readonly string[], options: StartOptions = {}): Promise<Output> {
  const process = start(args, options);
  const [code] = (await once(process.child, "close")) as [number | null];
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}

/** As `troupe`, with standard output as one JSON value per line. */
export async function troupeJson<T>(
  args: readonly string[],
  options: StartOptions = {},
): Promise<T[]> {
  const { code, stdout, stderr } = await troupe([...args, "--json"], options);
  if (code !== 0) throw new Error(`troupe ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Put in front of the command, such as `unshare`. */
  readonly wrap?: readonly string[];
}

export interface RunningProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** `kill -9` of this one process, not of its children. */
  kill9(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Resolves with the exit code. */
  ended(): Promise<number | null>;
}

export function start(args: readonly string[], options: StartOptions = {}): RunningProcess {
  const [command = process.execPath, ...rest] = [
    ...(options.wrap ?? []),
    process.execPath,
    main,
    ...args,
  ];
  const child = spawn(command, rest, {
    cwd: options.cwd ?? root,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(options.input ?? "");
  const ended = once(child, "exit").then(([code]) => code as number | null);
  onTestFinished(async () => {
    // A server told to stop takes its agents with it; an agent told to stop would wait for its jobs.
    child.kill(args[0] === "agent" ? "SIGKILL" : "SIGTERM");
    const deadline = setTimeout(() => killGroup(child), 10_000);
    await ended;
    clearTimeout(deadline);
  });
  return {
    child,
    get pid() {
      return child.pid ?? 0;
    },
    stdout: () => stdout,
    stderr: () => stderr,
    async kill9() {
      child.kill("SIGKILL");
      await ended;
    },
    signal: (name) => {
      child.kill(name);
    },
    ended: () => ended,
  };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export interface ServerProcess extends RunningProcess {
  readonly address: string;
  readonly data: string;
}

/** `troupe dev`, ready when it has said where agents dial. */
export async function startServer(options: {
  readonly data: string;
  readonly agents?: number;
  readonly listen?: string;
  readonly args?: readonly string[];
  readonly wrap?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}): Promise<ServerProcess> {
  const args = [
    "dev",
    "--data",
    options.data,
    "--listen",
    options.listen ?? "127.0.0.1:0",
    "--agents",
    String(options.agents ?? 0),
    ...(options.args ?? []),
  ];
  const { wrap, env } = options;
  const server = start(args, { ...(wrap && { wrap }), ...(env && { env }) });
  const address = await waitUntil("the server says where agents dial", () => {
    if (server.child.exitCode !== null) {
      throw new Error(`troupe dev ended with ${server.child.exitCode}: ${server.stderr()}`);
    }
    return /agents dial (\S+)/.exec(server.stdout())?.[1];
  });
  return Object.assign(server, { address, data: options.data });
}

/** `troupe agent` with a fresh token of that server. */
export async function startAgent(
  server: { readonly address: string; readonly data: string },
  options: { readonly name: string; readonly args?: readonly string[]; readonly state?: string },
): Promise<RunningProcess> {
  const token = await createToken(server.data);
  const state = options.state ?? temporaryFolder();
  return start(
    [
      "agent",
      "--server",
      server.address,
      "--name",
      options.name,
      "--state-dir",
      join(state, "state"),
      "--work-dir",
      join(state, "work"),
      ...(options.args ?? []),
    ],
    { env: { TROUPE_TOKEN: token } },
  );
}

export async function createToken(data: string, args: readonly string[] = []): Promise<string> {
  const { code, stdout, stderr } = await troupe(["token", "create", "--data", data, ...args]);
  if (code !== 0) throw new Error(`no token: ${stderr}`);
  return stdout.trim();
}

export interface RunEvent {
  readonly type: "run" | "job";
  readonly status: string;
  readonly job?: string;
  readonly attempt?: number;
  readonly reason?: string;
  readonly worker?: string;
  readonly outputs?: Record<string, string>;
}

/** The run and its jobs as `troupe ps` tells them. */
export function runState(data: string, runId: string): Promise<RunEvent[]> {
  return troupeJson<RunEvent>(["ps", runId, "--data", data]);
}

/** Waits until the run has ended; gives its last state. */
export async function runEnded(
  data: string,
  runId: string,
  options: { readonly deadlineMs?: number; readonly wrap?: readonly string[] } = {},
): Promise<RunEvent[]> {
  const deadlineMs = options.deadlineMs ?? 60_000;
  const wrap = options.wrap === undefined ? {} : { wrap: options.wrap };
  const watching = start(["watch", runId, "--data", data, "--quiet"], wrap);
  const deadline = setTimeout(() => watching.signal("SIGKILL"), deadlineMs);
  const code = await watching.ended();
  clearTimeout(deadline);
  if (code === null) {
    throw new Error(`run ${runId} did not end in ${deadlineMs} ms: ${watching.stdout()}`);
  }
  if (watching.stderr() !== "") throw new Error(`watching ${runId}: ${watching.stderr()}`);
  return runState(data, runId);
}
