/** The folder that one attempt has for itself, readable by the agent's user only. */
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";
import { attemptFolderName } from "./attempt.ts";

export class AttemptFolder {
  readonly name: string;
  readonly path: string;
  /** Where the script begins, unless the job says otherwise. */
  readonly workspace: string;
  readonly temporary: string;
  /** What the job writes its outputs to. */
  readonly outputsFile: string;
  /** For the log that waits for the link. */
  readonly spool: string;

  constructor(workFolder: string, attempt: AttemptRef) {
    this.name = attemptFolderName(attempt);
    this.path = join(workFolder, this.name);
    this.workspace = join(this.path, "workspace");
    this.temporary = join(this.path, "tmp");
    this.outputsFile = join(this.path, "outputs");
    this.spool = join(this.path, "spool");
  }

  /** Makes it, empty: what an earlier start of the agent left under this name is removed. */
  async create(): Promise<void> {
    await this.#makeNew();
    await Promise.all([
      mkdir(this.workspace, { mode: 0o700 }),
      mkdir(this.temporary, { mode: 0o700 }),
      writeFile(this.outputsFile, "", { mode: 0o600, flag: "wx" }),
    ]);
  }

  /** Writes a file of the agent's own, readable and executable by its user only. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.path, name);
    const file = await open(path, "wx", 0o700);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    return path;
  }

  /** `directory` is absolute, or relative to the workspace; empty = the workspace. */
  workingDirectory(directory: string): string {
    return resolve(this.workspace, directory);
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  async #makeNew(): Promise<void> {
    try {
      await mkdir(this.path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      await this.remove();
      await mkdir(this.path, { mode: 0o700 });
    }
  }
}
