/**
 * One agent: puts state folder, executor, connection and session together, and ends them in order.
 *
 *   A1. Before the first Hello nothing of an earlier start is left running: "holding nothing" is true.
 *   A2. `drain` waits for jobs, `stop` ends them; both report what they can before they go.
 */
import { randomUUID } from "node:crypto";
import { arch, availableParallelism, platform, totalmem } from "node:os";
import { join } from "node:path";
import type { Capabilities } from "../../proto/troupe/agent/v1/agent.ts";
import { AgentError, exitCodes } from "./agent-error.ts";
import {
  type AgentOptions,
  type CompleteOptions,
  completeOptions,
  type TokenSource,
} from "./agent-options.ts";
import { type CgroupParent, openCgroupParent } from "./cgroup.ts";
import { Connection } from "./connection.ts";
import { CurrentBlobLink } from "./current-blob-link.ts";
import { type EndedAttempt, readEnded } from "./ended-record.ts";
import type { Executor } from "./executor.ts";
import { type Identity, IdentityFile } from "./identity.ts";
import { limitNames } from "./job-limits.ts";
import { clearLeftovers } from "./leftovers.ts";
import { agentLimits } from "./limits.ts";
import { makeFolders } from "./make-folders.ts";
import { processExecutor } from "./process-executor.ts";
import { systemProcessTable } from "./process-table.ts";
import { Session, type SessionEnd } from "./session.ts";
import { installedShells } from "./shells.ts";
import { nextStart } from "./start-number.ts";
import { StateFolder } from "./state-folder.ts";
import { Transfers } from "./transfers.ts";
import { agentVersion } from "./version.ts";

export interface Agent {
  readonly name: string;
  /** Resolves with the first Welcome of a server. Never rejects: see `ended`. */
  readonly connected: Promise<void>;
  /** Resolves when the agent has ended, for whatever reason. Never rejects. */
  readonly ended: Promise<AgentEnd>;
  /** Takes no more jobs and ends when the present ones are done. After `timeoutMs` (default: never) it stops them. */
  drain(options?: { readonly timeoutMs?: number; readonly reason?: string }): Promise<AgentEnd>;
  /** Cancels all jobs and ends once their results are acknowledged, or after ten seconds without that. */
  stop(reason?: string): Promise<AgentEnd>;
}

export interface AgentEnd {
  /** What `troupe-agent` exits with: see `exitCodes`. */
  readonly exitCode: number;
  /** One sentence. */
  readonly reason: string;
}

/**
 * Starts an agent in this process. Resolves once it is dialling. Rejects with `AgentError` for what
 * only its operator can change: wrong options, a folder in use, no identity and no token.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { token, ...rest } = options;
  const complete = completeOptions(rest);
  const table = systemProcessTable();
  const state = new StateFolder(complete.stateDir, table);
  try {
    const { clock, log } = complete;
    // First what may refuse the start: the executor makes things ahead that would be left behind.
    const identityFile = new IdentityFile(state.path);
    const identity = identityFile.read();
    const checked = await checkedToken(token, identity);
    const workFolder = makeWorkFolder(complete.workDir, state.mark);
    const cgroups = complete.cgroups ? openCgroupParent(state.mark) : undefined;
    const ended = readEnded(workFolder);
    const { mark } = state;
    await clearLeftovers({ mark, workFolder, kept: ended, table, clock, cgroups, log });
    const blobs = new CurrentBlobLink(complete.dialer);
    const executor = processExecutor({
      workFolder,
      mark,
      clock,
      environment: { ...complete.environment, TROUPE_AGENT_NAME: complete.name },
      onWarning: (message) => log.warn(message),
      table,
      cgroups,
      slots: complete.slots,
      transfers: new Transfers({ link: () => blobs.link(), clock, random: complete.random }),
    });
    const start = nextStart(state.path, clock.nowMs());
    const parts = { identityFile, identity, executor, workFolder, ended, cgroups, start, blobs };
    const session = newSession(complete, { ...parts, token: checked });
    session.start();
    return new RunningAgent(complete, session, async () => {
      await executor.close();
      blobs.close();
      state.release();
    });
  } catch (error) {
    state.release();
    throw error;
  }
}

interface SessionParts {
  readonly token: TokenSource | undefined;
  readonly identity: Identity | undefined;
  readonly identityFile: IdentityFile;
  readonly executor: Executor;
  readonly workFolder: string;
  readonly ended: ReadonlyMap<string, EndedAttempt>;
  readonly cgroups: CgroupParent | undefined;
  readonly start: number;
  readonly blobs: CurrentBlobLink;
}

/** An agent that is nobody yet needs a token, and it should not take a dial to find that out. */
async function checkedToken(
  token: AgentOptions["token"],
  identity: Identity | undefined,
): Promise<TokenSource | undefined> {
  if (typeof token === "function" && identity !== undefined) return token;
  const text = typeof token === "function" ? await token() : token;
  if (text !== undefined) return () => Promise.resolve(text);
  if (identity !== undefined) return undefined;
  throw new AgentError(
    "this agent has not enrolled yet: give it a one-time token (on the server: troupe token create)",
    exitCodes.usage,
  );
}

function newSession(options: CompleteOptions, parts: SessionParts): Session {
  const { name: agentName, labels, clock, log, random, dialer, giveUpAfterMs } = options;
  return new Session({
    agentName,
    version: agentVersion,
    bootId: randomUUID(),
    startNumber: parts.start,
    capabilities: capabilities(options, parts.cgroups),
    labels,
    executor: parts.executor,
    workFolder: parts.workFolder,
    ended: [...parts.ended.values()],
    clock,
    log,
    giveUpAfterMs,
    connect: (listener) => {
      const connection = new Connection({
        dialer,
        identityFile: parts.identityFile,
        identity: parts.identity,
        token: parts.token,
        enrolment: { agentName, labels: { ...labels }, version: agentVersion },
        clock,
        random,
        log,
        listener,
      });
      parts.blobs.identity = () => connection.identity;
      return connection;
    },
  });
}

/** A folder of its own in the work folder: all that is in it may be deleted at the next start. */
function makeWorkFolder(workDir: string, mark: string): string {
  const path = join(workDir, `troupe-${mark}`);
  try {
    makeFolders(path);
    return path;
  } catch (error) {
    throw new AgentError(
      `cannot use the work folder ${workDir}: ${(error as Error).message}`,
      exitCodes.failed,
      { cause: error },
    );
  }
}

function capabilities(
  { slots, environment }: CompleteOptions,
  cgroups: CgroupParent | undefined,
): Capabilities {
  return {
    os: platform(),
    arch: arch(),
    slots,
    shells: installedShells(environment["PATH"] ?? ""),
    memoryBytes: totalmem(),
    cpus: availableParallelism(),
    enforces: limitNames.filter((name) => cgroups?.enforced.has(name)),
  };
}

class RunningAgent implements Agent {
  readonly name: string;
  readonly connected: Promise<void>;
  readonly ended: Promise<AgentEnd>;
  readonly #options: CompleteOptions;
  readonly #session: Session;
  readonly #givenUp: Promise<undefined>;
  /** What is not acknowledged by now is left behind. */
  #giveUp: () => void = () => {};
  #stopping = false;

  constructor(options: CompleteOptions, session: Session, release: () => Promise<void>) {
    this.name = options.name;
    this.connected = session.welcomed;
    this.#options = options;
    this.#session = session;
    this.#givenUp = new Promise((resolve) => {
      this.#giveUp = () => resolve(undefined);
    });
    this.ended = this.#live(release);
  }

  async drain(options: { timeoutMs?: number; reason?: string } = {}): Promise<AgentEnd> {
    const { timeoutMs, reason = "the agent is shutting down" } = options;
    this.#session.drain(reason);
    if (timeoutMs !== undefined) {
      const timer = this.#options.clock.setTimer(timeoutMs, () => void this.stop(reason));
      void this.ended.then(() => timer.cancel());
    }
    return this.ended;
  }

  async stop(reason = "the agent is shutting down"): Promise<AgentEnd> {
    this.#session.drain(reason);
    this.#session.cancelAll(reason);
    if (!this.#stopping) void this.#farewell();
    this.#stopping = true;
    return this.ended;
  }

  async #live(release: () => Promise<void>): Promise<AgentEnd> {
    const over = await Promise.race([this.#session.over, this.#givenUp]);
    await this.#session.jobsEnded();
    const end = endOf(over, this.#session.heldCount);
    await this.#session.close();
    await release();
    this.#options.log.info(`the agent ends: ${end.reason}`);
    return end;
  }

  /** Once all jobs are dead, their results get a last while to be acknowledged. */
  async #farewell(): Promise<void> {
    await this.#session.jobsEnded();
    const timer = this.#options.clock.setTimer(agentLimits.farewellMs, this.#giveUp);
    await this.ended;
    timer.cancel();
  }
}

function endOf(over: SessionEnd | undefined, unreported: number): AgentEnd {
  if (over?.cause === "refused") {
    return { exitCode: exitCodes.refused, reason: over.reason };
  }
  if (unreported > 0) {
    return {
      exitCode: exitCodes.unreported,
      reason: `stopped while ${unreported} results were not acknowledged by the server: the next start sends them`,
    };
  }
  const exitCode = over?.cause === "gave-up" ? exitCodes.gaveUp : exitCodes.done;
  return { exitCode, reason: over?.reason ?? "stopped" };
}
