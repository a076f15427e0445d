/** What an agent is started with, checked and completed. */
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { AgentError, exitCodes } from "./agent-error.ts";
import { type AgentLog, silentLog } from "./agent-log.ts";
import { type AgentClock, systemClock } from "./clock.ts";
import { agentLimits } from "./limits.ts";
import { type Dialer, grpcDialer } from "./link.ts";

export interface AgentOptions {
  /** `host:port` that the agent dials. */
  readonly server: string;
  /** One-time token, or where to get it: asked for only where the state folder holds no identity, or one that the server does not know. Forgotten once it is used. */
  readonly token?: string | TokenSource;
  /** How people call this agent: letters, digits, `.`, `_`, `-`. Default: the host's name. */
  readonly name?: string;
  /** Jobs ask for labels; an agent gets a job only if it has all of them. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Jobs at once, 1 to 1,000. Default 1. */
  readonly slots?: number;
  /** Jobs get their folders in here. Default: `work` in the state folder. */
  readonly workDir?: string;
  /** Keeps the identity over restarts; one agent per folder. Default: `~/.troupe/agents/<name>`. */
  readonly stateDir?: string;
  /** PEM of the authority that signed the server's certificate. Default: the system's authorities; on loopback no TLS. */
  readonly tlsCa?: Buffer;
  /** Off loopback: send credentials, scripts, secrets and logs in the clear. Default false. */
  readonly plaintext?: boolean;
  /** End when there was no link for so long and no job runs any more. Default: never; an operator's agent waits. */
  readonly giveUpAfterMs?: number;
  /** Put each job into a control group where the machine allows it. Default true. */
  readonly cgroups?: boolean;
  /** Where PATH, HOME and LANG of the jobs come from. Default: `process.env`. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Default: silent. */
  readonly log?: AgentLog;
  /** For tests. */
  readonly clock?: AgentClock;
  /** Uniform in [0, 1), for jitter. For tests. */
  readonly random?: () => number;
  /** For tests: another way to the server than gRPC. */
  readonly dialer?: Dialer;
}

/** Resolves with undefined where there is no token. */
export type TokenSource = () => Promise<string | undefined>;

export type CompleteOptions = Required<Omit<AgentOptions, "token" | "tlsCa" | "plaintext">>;

/** Throws `AgentError` with what is wrong and how it should look. The token is left out: it must not live on in options. */
export function completeOptions(options: AgentOptions): CompleteOptions {
  const { server, tlsCa, plaintext = false } = options;
  const name = checkedName(options.name ?? hostname());
  const stateDir = resolve(options.stateDir ?? join(homedir(), ".troupe", "agents", name));
  return {
    server,
    name,
    stateDir,
    labels: checkedLabels(options.labels ?? {}),
    slots: checkedSlots(options.slots ?? 1),
    workDir: resolve(options.workDir ?? join(stateDir, "work")),
    giveUpAfterMs: options.giveUpAfterMs ?? Number.POSITIVE_INFINITY,
    cgroups: options.cgroups ?? true,
    environment: options.environment ?? process.env,
    log: options.log ?? silentLog,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    dialer: options.dialer ?? grpcDialer({ server, tlsCa, plaintext }),
  };
}

function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && name.length <= agentLimits.labelCharsMax) {
    return name;
  }
  throw usage(
    `an agent's name consists of letters, digits, '.', '_' and '-', not ${JSON.stringify(name)}`,
  );
}

function checkedLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, value] of Object.entries(labels)) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._/-]*$/.test(name)) {
      throw usage(
        `a label's name consists of letters, digits, '.', '_', '/' and '-', not ${JSON.stringify(name)}`,
      );
    }
    const chars = Math.max(name.length, value.length);
    if (chars > agentLimits.labelCharsMax) {
      throw usage(`the label ${name} is longer than ${agentLimits.labelCharsMax} characters`);
    }
  }
  return { ...labels };
}

function checkedSlots(slots: number): number {
  if (Number.isInteger(slots) && slots >= 1 && slots <= agentLimits.slotsMax) return slots;
  throw usage(`slots must be a whole number from 1 to ${agentLimits.slotsMax}, not ${slots}`);
}

function usage(message: string): AgentError {
  return new AgentError(message, exitCodes.usage);
}
