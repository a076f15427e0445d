/** The agent as a program: flags, token, signals, exit code. Also what `troupe agent` runs. */
import { readFileSync } from "node:fs";
import { type Agent, startAgent } from "./agent.ts";
import { AgentError, exitCodes } from "./agent-error.ts";
import { type AgentLog, fileWriter, lineLog } from "./agent-log.ts";
import type { AgentOptions } from "./agent-options.ts";
import { type AgentFlags, helpText, parseCommandLine } from "./command-line.ts";
import { settleAsProcessOne } from "./process-one.ts";
import { readOptionalToken, readToken, takeEnvironmentToken } from "./token-source.ts";
import { agentVersion } from "./version.ts";

/** `troupe-agent` with these arguments. Resolves with its exit code (`exitCodes`). */
export function runCommandLine(args: readonly string[]): Promise<number> {
  return explained(() => {
    const command = parseCommandLine(args);
    if (command.command === "run") return run(command.flags);
    process.stdout.write(command.command === "help" ? helpText : `${agentVersion}\n`);
    return exitCodes.done;
  });
}

/**
 * Runs an agent in this process until it ends; resolves with the exit code (`exitCodes`). Handles
 * SIGTERM, SIGINT, SIGHUP and SIGQUIT meanwhile, and takes TROUPE_TOKEN out of the environment. What an
 * operator can put right is said on stderr, never thrown.
 */
export function runAgent(flags: AgentFlags): Promise<number> {
  return explained(() => run(flags));
}

async function explained(work: () => number | Promise<number>): Promise<number> {
  // Whoever read our words may be gone; that is no reason to end.
  process.stderr.on("error", () => {});
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    say(error.message);
    if (error.exitCode === exitCodes.usage) process.stderr.write("Try: troupe-agent --help\n");
    return error.exitCode;
  }
}

async function run(flags: AgentFlags): Promise<number> {
  const alarm = settleAsProcessOne();
  const log = openLog(flags.logFile);
  if (alarm !== undefined) log.warn(alarm);
  const agent = await startAgent({ ...agentOptions(flags), log });
  const disobey = obeySignals(agent, flags.drainTimeoutMs, log);
  const { exitCode, reason } = await agent.ended;
  disobey();
  if (exitCode !== exitCodes.done) say(reason);
  return exitCode;
}

function agentOptions(flags: AgentFlags): AgentOptions {
  const { tokenFile, label, tlsCaFile, drainTimeoutMs: _, logFile: __, ...same } = flags;
  const environmentToken = takeEnvironmentToken(process.env);
  if (tokenFile !== undefined && environmentToken !== undefined) {
    throw new AgentError(
      "give the token once: by --token-file or by TROUPE_TOKEN, not both",
      exitCodes.usage,
    );
  }
  return {
    ...same,
    ...(label === undefined ? {} : { labels: label }),
    token: environmentToken ?? (() => tokenFrom(tokenFile)),
    ...(tlsCaFile === undefined ? {} : { tlsCa: readCa(tlsCaFile) }),
  };
}

/** Without a flag, standard input is asked, unless a person sits at it. */
async function tokenFrom(tokenFile: string | undefined): Promise<string | undefined> {
  if (tokenFile !== undefined) return readToken(tokenFile, process.stdin);
  return process.stdin.isTTY ? undefined : readOptionalToken(process.stdin);
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AgentError(`--tls-ca: ${(error as Error).message}`, exitCodes.usage);
  }
}

function openLog(logFile: string | undefined): AgentLog {
  const toStderr = (line: string): void => void process.stderr.write(line);
  return lineLog(logFile === undefined ? toStderr : fileWriter(logFile), Date.now);
}

const drainSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** The first signal drains, the second one stops. Returns the way back to the default. */
function obeySignals(agent: Agent, drainTimeoutMs: number | undefined, log: AgentLog): () => void {
  let draining = false;
  const stop = (signal: NodeJS.Signals): void => {
    log.info(`${signal}: cancelling all jobs`);
    void agent.stop(`the agent got ${signal}`);
  };
  const drain = (signal: NodeJS.Signals): void => {
    if (draining) return stop(signal);
    draining = true;
    log.info(`${signal}: no more jobs; again to cancel the running ones`);
    const timeout = drainTimeoutMs === undefined ? {} : { timeoutMs: drainTimeoutMs };
    void agent.drain({ reason: `the agent got ${signal}`, ...timeout });
  };
  for (const signal of drainSignals) process.on(signal, drain);
  process.on("SIGQUIT", stop);
  return () => {
    for (const signal of drainSignals) process.off(signal, drain);
    process.off("SIGQUIT", stop);
  };
}

function say(message: string): void {
  process.stderr.write(`troupe-agent: ${message}\n`);
}
