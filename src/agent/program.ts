/** The agent as a program: arguments, token, signals, exit code. Also what `troupe agent` runs. */
import { type Agent, type AgentEnd, startAgent } from "./agent.ts";
import { AgentError, exitCodes } from "./agent-error.ts";
import { type AgentLog, fileWriter, lineLog } from "./agent-log.ts";
import { type Command, helpText, parseCommandLine } from "./command-line.ts";
import { readToken } from "./token-source.ts";
import { agentVersion } from "./version.ts";

type RunCommand = Extract<Command, { command: "run" }>;

/**
 * Runs an agent until it ends and returns the exit code (`exitCodes`). Handles SIGTERM, SIGINT,
 * SIGHUP and SIGQUIT of this process; takes TROUPE_TOKEN out of its environment. Never rejects for
 * what an operator can put right: that is said on stderr.
 */
export async function runAgent(args: readonly string[]): Promise<number> {
  // Whoever read our words may be gone; that is no reason to end.
  process.stderr.on("error", () => {});
  try {
    return await obey(parseCommandLine(args, process.env));
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    say(error.message);
    if (error.exitCode === exitCodes.usage) process.stderr.write("Try: troupe-agent --help\n");
    return error.exitCode;
  }
}

async function obey(command: Command): Promise<number> {
  switch (command.command) {
    case "help":
      process.stdout.write(helpText);
      return exitCodes.done;
    case "version":
      process.stdout.write(`${agentVersion}\n`);
      return exitCodes.done;
    case "run": {
      const { exitCode, reason } = await run(command);
      if (exitCode !== exitCodes.done) say(reason);
      return exitCode;
    }
  }
}

async function run({ options, tokenFile, drainTimeoutMs, logFile }: RunCommand): Promise<AgentEnd> {
  const log = openLog(logFile);
  const token = tokenFile === undefined ? {} : { token: await readToken(tokenFile, process.stdin) };
  const agent = await startAgent({ ...options, ...token, log });
  const disobey = obeySignals(agent, drainTimeoutMs, log);
  const end = await agent.ended;
  disobey();
  return end;
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
