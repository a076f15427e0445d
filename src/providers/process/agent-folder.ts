/**
 * What this provider knows of one agent, on disk, so that the next server process knows it too:
 * a folder per agent with its record, its state, its work and its log.
 */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface AgentRecord {
  readonly agentName: string;
  readonly systemId: string;
  readonly pid: number;
  /** When the process started, in the unit of the process list: with the pid it names one process for good. */
  readonly startedAt: number;
  readonly startedAtMs: number;
}

/** A name that is a file name, and stays in its folder. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const recordName = "agent.json";

/** How much of the log's end is looked at for the last words of an agent. */
const lastWordsBytes = 4_096;

export class AgentFolder {
  readonly path: string;
  readonly stateFolder: string;
  readonly workFolder: string;
  readonly logFile: string;

  /** Throws for a name that is no file name: it would leave `parent`. */
  constructor(parent: string, agentName: string) {
    if (!namePattern.test(agentName)) {
      throw new Error(
        `an agent's name consists of up to 128 letters, digits, '.', '_' and '-', not ${JSON.stringify(agentName)}`,
      );
    }
    this.path = join(parent, agentName);
    this.stateFolder = join(this.path, "state");
    this.workFolder = join(this.path, "work");
    this.logFile = join(this.path, "agent.log");
  }

  /** Makes it, anew. */
  async create(): Promise<void> {
    await this.remove();
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  /** For the agent's stdout and stderr; its own log goes to the same file, and is kept short by the agent. */
  openLog(): number {
    return openSync(this.logFile, "a", 0o600);
  }

  async writeRecord(record: AgentRecord): Promise<void> {
    const draft = join(this.path, `${recordName}.new`);
    await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
    await rename(draft, join(this.path, recordName));
  }

  /** undefined: no agent was ever recorded here. */
  readRecord(): AgentRecord | undefined {
    try {
      return JSON.parse(readFileSync(join(this.path, recordName), "utf8")) as AgentRecord;
    } catch {
      return undefined;
    }
  }

  /** The last line of its log, for whoever asks why it ended; empty if there is none. */
  lastWords(): string {
    try {
      const descriptor = openSync(this.logFile, "r");
      try {
        const { size } = fstatSync(descriptor);
        const bytes = Buffer.alloc(Math.min(size, lastWordsBytes));
        readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
        return bytes.toString("utf8").trimEnd().split("\n").at(-1) ?? "";
      } finally {
        closeSync(descriptor);
      }
    } catch {
      return "";
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** All agents that have a folder in `parent`; what else is in there is none of ours. */
export function agentFolders(parent: string): AgentFolder[] {
  try {
    const entries = readdirSync(parent, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && namePattern.test(entry.name))
      .map((entry) => new AgentFolder(parent, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
