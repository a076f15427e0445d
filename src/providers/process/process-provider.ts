/**
 * Agents as processes of this machine, each in a session of its own, so that they outlive the
 * server that started them: a server that comes back finds its agents, with their jobs running.
 *
 *   L1. An agent is known by its folder, and a process by its number and its time of start: a recycled
 *       number is never signalled.
 *   L2. Everything an agent starts carries its marks in the environment; `destroy` ends it all, also after
 *       the agent itself has died.
 *   L3. `watch` tells each end once, and not one that `destroy` asked for.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync } from "node:fs";
import { access, constants, mkdir } from "node:fs/promises";
import { arch, platform } from "node:os";
import { setTimeout } from "node:timers/promises";
import type {
  Provider,
  ProviderCapabilities,
  ProvisionedAgent,
  ProvisionRequest,
} from "../provider.ts";
import { AgentFolder, type AgentRecord, agentFolders } from "./agent-folder.ts";
import {
  agentArguments,
  agentEntry,
  agentEnvironment,
  agentsMaxDefault,
  markNames,
} from "./agent-program.ts";
import { listProcesses, type ProcessEntry, signal, startOf, withDescendants } from "./processes.ts";

export interface ProcessProviderOptions {
  /** Holds a folder per agent: identity, work, log. The same one finds the agents again after a restart. */
  readonly stateDir: string;
  /** Agents at once. Default: the number of processors. */
  readonly agentsMax?: number;
  /** Labels of all its agents, besides `provider`, `os` and `arch`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Between the first signal to an agent and SIGKILL of all that it runs. Default 10,000; half of it is for jobs to end by themselves. */
  readonly killGraceMs?: number;
}

/** How often to look whether processes are gone, and whether agents of an earlier server still live. */
const lookMs = { ending: 20, adopted: 1_000 } as const;

const killGraceMsDefault = 10_000;

/** How long killed processes get to vanish; one that hangs in the kernel may not. */
const killWaitMs = 5_000;

type Listener = (agent: ProvisionedAgent, cause: string) => void;

export function processProvider(options: ProcessProviderOptions): Provider {
  return new ProcessProvider(options);
}

class ProcessProvider implements Provider {
  readonly name = "process";
  readonly #options: ProcessProviderOptions;
  readonly #listeners = new Set<Listener>();
  /** Agents whose end is news (L3). `own`: a child of this process, whose exit is told by the system. */
  readonly #watched = new Map<string, { readonly record: AgentRecord; readonly own: boolean }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ProcessProviderOptions) {
    this.#options = options;
  }

  capabilities(): ProviderCapabilities {
    const { labels, agentsMax = agentsMaxDefault } = this.#options;
    return {
      labels: { provider: this.name, os: platform(), arch: arch(), ...labels },
      agentsMax,
      isolation: "process",
    };
  }

  async provision(request: ProvisionRequest): Promise<ProvisionedAgent> {
    const { agentName, systemId } = request;
    const folder = this.#folder(agentName);
    if (isAlive(folder.readRecord())) {
      throw new Error(`an agent called ${agentName} is running already`);
    }
    await folder.create();
    // Written before there is a process: whatever happens next, `list` knows of it.
    const draft = { agentName, systemId, pid: 0, startedAt: 0, startedAtMs: Date.now() };
    await folder.writeRecord(draft);
    const child = await this.#spawn(request, folder);
    const pid = child.pid as number;
    const record: AgentRecord = { ...draft, pid, startedAt: startOf(pid) ?? 0 };
    this.#watched.set(agentName, { record, own: true });
    child.once("exit", (code, signal) => {
      this.#ended(record, signal === null ? `exit code ${code}` : `killed by ${signal}`);
    });
    await folder.writeRecord(record);
    return describe(record, "running");
  }

  async destroy(agentName: string): Promise<void> {
    const folder = this.#folder(agentName);
    this.#watched.delete(agentName);
    const record = located(folder.readRecord());
    if (record !== undefined) {
      await this.#end(record);
      await killMarked(record);
    }
    await folder.remove();
  }

  async list(systemId: string): Promise<readonly ProvisionedAgent[]> {
    const records = agentFolders(this.#options.stateDir)
      .map((folder) => located(folder.readRecord()))
      .filter((record) => record?.systemId === systemId) as AgentRecord[];
    return records.map((record) => {
      const alive = isAlive(record);
      if (alive) this.#adopt(record);
      return describe(record, alive ? "running" : "gone");
    });
  }

  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async health(): Promise<void> {
    const { stateDir } = this.#options;
    try {
      await mkdir(stateDir, { recursive: true, mode: 0o700 });
      await access(stateDir, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new Error(
        `agents cannot be started: the folder ${stateDir} is not writable (${(error as Error).message})`,
        { cause: error },
      );
    }
    const entry = agentEntry().at(-1) as string;
    if (existsSync(entry)) return;
    throw new Error(`agents cannot be started: the agent's program ${entry} is missing`);
  }

  #folder(agentName: string): AgentFolder {
    return new AgentFolder(this.#options.stateDir, agentName);
  }

  async #spawn(request: ProvisionRequest, folder: AgentFolder): Promise<ChildProcess> {
    const log = folder.openLog();
    try {
      const args = [...agentEntry(), ...agentArguments(request, folder)];
      const child = spawn(process.execPath, args, {
        cwd: folder.path,
        env: agentEnvironment(request),
        stdio: ["pipe", log, log],
        detached: true,
      });
      // It may end before it reads its token; then its exit says why.
      child.stdin?.on("error", () => {});
      await once(child, "spawn");
      child.stdin?.end(request.token);
      child.unref();
      return child;
    } catch (error) {
      await folder.remove();
      throw new Error(`the agent's process could not be started: ${(error as Error).message}`, {
        cause: error,
      });
    } finally {
      closeSync(log);
    }
  }

  /** SIGTERM drains the agent; a second one, at half of the grace, cancels its jobs. */
  async #end(record: AgentRecord): Promise<void> {
    const graceMs = this.#options.killGraceMs ?? killGraceMsDefault;
    for (let turn = 0; turn < 2; turn++) {
      if (!isAlive(record)) return;
      signal(record.pid, "SIGTERM");
      await goneWithin(graceMs / 2, () => !isAlive(record));
    }
  }

  #ended(record: AgentRecord, cause: string): void {
    const { agentName } = record;
    if (this.#watched.get(agentName)?.record.pid !== record.pid) return;
    this.#watched.delete(agentName);
    const lastWords = this.#folder(agentName).lastWords();
    const told = lastWords === "" ? cause : `${cause}; its last words: ${lastWords}`;
    for (const listener of [...this.#listeners]) listener(describe(record, "gone"), told);
  }

  /** Nobody tells when a process that is not our child ends: it has to be looked at. */
  #adopt(record: AgentRecord): void {
    if (this.#watched.has(record.agentName)) return;
    this.#watched.set(record.agentName, { record, own: false });
    this.#timer ??= setInterval(() => this.#lookAtAdopted(), lookMs.adopted).unref();
  }

  #lookAtAdopted(): void {
    const adopted = [...this.#watched.values()].filter(({ own }) => !own);
    for (const { record } of adopted) {
      if (!isAlive(record)) this.#ended(record, "it is gone");
    }
    if (adopted.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function describe(record: AgentRecord, status: ProvisionedAgent["status"]): ProvisionedAgent {
  const { agentName, startedAtMs, pid } = record;
  return { agentName, status, startedAtMs, where: `pid ${pid}` };
}

/** The same process, not a later one with its number (L1). */
function isAlive(record: AgentRecord | undefined): boolean {
  return record !== undefined && record.pid > 0 && startOf(record.pid) === record.startedAt;
}

/** The server died between starting the agent and recording its number: the marks tell which it is. */
function located(record: AgentRecord | undefined): AgentRecord | undefined {
  if (record === undefined || record.pid > 0) return record;
  const isJob = ({ environment }: ProcessEntry) =>
    environment.some((entry) => entry.startsWith("TROUPE_ATTEMPT_ID="));
  const agent = listProcesses().find((entry) => isMarked(entry, record) && !isJob(entry));
  return agent === undefined ? record : { ...record, pid: agent.pid, startedAt: agent.startedAt };
}

function isMarked({ environment }: ProcessEntry, record: AgentRecord): boolean {
  return (
    environment.includes(`${markNames.system}=${record.systemId}`) &&
    environment.includes(`${markNames.agent}=${record.agentName}`)
  );
}

/** SIGKILL to all that carries the agent's marks or descends from it, until nobody is left (L2). */
async function killMarked(record: AgentRecord): Promise<void> {
  const isAgent = (entry: ProcessEntry) =>
    entry.pid === record.pid && entry.startedAt === record.startedAt;
  let left: ProcessEntry[] = [];
  const gone = await goneWithin(killWaitMs, () => {
    left = withDescendants(listProcesses(), (entry) => isAgent(entry) || isMarked(entry, record));
    for (const { pid } of left) signal(pid, "SIGKILL");
    return left.length === 0;
  });
  if (gone) return;
  const pids = left.map(({ pid }) => pid).join(", ");
  throw new Error(`processes of the agent ${record.agentName} could not be killed: ${pids}`);
}

/** Looks again and again; false when it is still not so after `withinMs`. */
async function goneWithin(withinMs: number, isGone: () => boolean): Promise<boolean> {
  const giveUpAtMs = performance.now() + withinMs;
  while (!isGone()) {
    if (performance.now() >= giveUpAtMs) return false;
    await setTimeout(lookMs.ending);
  }
  return true;
}
