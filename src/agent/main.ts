#!/usr/bin/env node
/** `troupe-agent`: the agent as a program of its own. */
import { type Agent, type AgentEnd, startAgent } from "./agent.ts";
import { AgentError, exitCodes } from "./agent-error.ts";
import { type AgentLog, fileWriter, lineLog } from "./agent-log.ts";
import { type Command, helpText, parseCommandLine } from "./command-line.ts";
import { readToken } from "./token-source.ts";
import { agentVersion } from "./version.ts";

/** After the agent has ended: what still keeps the process alive is not worth waiting for. */
const exitMs = 1_000;

type RunCommand = Extract<Command, { command: "run" }>;

async function main(): Promise<number> {
  const command = parseCommandLine(process.argv.slice(2), process.env);
  if (command.command === "help") {
    process.stdout.write(helpText);
    return exitCodes.done;
  }
  if (command.command === "version") {
    process.stdout.write(`${agentVersion}\n`);
    return exitCodes.done;
  }
  const { exitCode, reason } = await run(command);
  if (exitCode !== exitCodes.done) process.stderr.write(`troupe-agent: ${reason}\n`);
  return exitCode;
}

async function run({ options, tokenFile, drainTimeoutMs, logFile }: RunCommand): Promise<AgentEnd> {
  const log = openLog(logFile);
  const token = tokenFile === undefined ? {} : { token: await readToken(tokenFile, process.stdin) };
  const agent = await startAgent({ ...options, ...token, log });
  obeySignals(agent, drainTimeoutMs, log);
  return agent.ended;
}

function openLog(logFile: string | undefined): AgentLog {
  const write =
    logFile === undefined ? (line: string) => void process.stderr.write(line) : fileWriter(logFile);
  return lineLog(write, Date.now);
}

/** The first signal drains, the second one stops. */
function obeySignals(agent: Agent, drainTimeoutMs: number | undefined, log: AgentLog): void {
  let draining = false;
  const end = (signal: NodeJS.Signals): void => {
    if (draining) return stop(signal);
    draining = true;
    log.info(`${signal}: no more jobs; again to cancel the running ones`);
    const timeout = drainTimeoutMs === undefined ? {} : { timeoutMs: drainTimeoutMs };
    void agent.drain({ reason: `the agent got ${signal}`, ...timeout });
  };
  const stop = (signal: NodeJS.Signals): void => {
    log.info(`${signal}: cancelling all jobs`);
    void agent.stop(`the agent got ${signal}`);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, end);
  process.on("SIGQUIT", stop);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof AgentError)) throw error;
  process.stderr.write(`troupe-agent: ${error.message}\n`);
  if (error.exitCode === exitCodes.usage) process.stderr.write("Try: troupe-agent --help\n");
  process.exitCode = error.exitCode;
}
setTimeout(() => process.exit(), exitMs).unref();
