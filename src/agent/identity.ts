/** Who this agent is: kept in its state folder, readable by its user only, once it has enrolled. */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AgentError, exitCodes } from "./agent-error.ts";

export interface Identity {
  readonly agentId: string;
  /** Only this agent has it; the server keeps a hash. */
  readonly credential: string;
}

export class IdentityFile {
  readonly path: string;

  constructor(stateFolder: string) {
    this.path = join(stateFolder, "identity.json");
  }

  /** undefined: never enrolled. Throws `AgentError` if the file is not one of ours. */
  read(): Identity | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new AgentError(
        `cannot read ${this.path}: ${(error as Error).message}`,
        exitCodes.failed,
        { cause: error },
      );
    }
    const identity = parse(text);
    if (identity !== undefined) return identity;
    throw new AgentError(
      `${this.path} is damaged: remove it, and start the agent once with a new token`,
      exitCodes.failed,
    );
  }

  /** Replaces the file as a whole: after a crash the old one or the new one is there. */
  write(identity: Identity): void {
    const draft = `${this.path}.new`;
    rmSync(draft, { force: true });
    const descriptor = openSync(draft, "wx", 0o600);
    try {
      writeSync(descriptor, `${JSON.stringify(identity)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, this.path);
  }
}

function parse(text: string): Identity | undefined {
  try {
    const { agentId, credential } = JSON.parse(text) as Partial<Identity>;
    if (typeof agentId !== "string" || typeof credential !== "string") return undefined;
    return agentId === "" || credential === "" ? undefined : { agentId, credential };
  } catch {
    return undefined;
  }
}
