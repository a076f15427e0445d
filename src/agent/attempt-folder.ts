/** The folder that one attempt has for itself, readable by the agent's user only. */
import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";
import { attemptFolderName } from "./attempt.ts";

/** A file of the agent's own, executable by its user. */
export interface AttemptFile {
  readonly name: string;
  readonly text: string;
}

export class AttemptFolder {
  readonly name: string;
  readonly path: string;
  /** Where the script begins, unless the job says otherwise. */
  readonly workspace: string;
  readonly temporary: string;
  /** What the job writes its outputs to. */
  readonly outputsFile: string;
  /** What the job writes for people to read. */
  readonly summaryFile: string;
  /** For the log that waits for the link. */
  readonly spool: string;

  constructor(workFolder: string, attempt: AttemptRef) {
    this.name = attemptFolderName(attempt);
    this.path = join(workFolder, this.name);
    this.workspace = join(this.path, "workspace");
    this.temporary = join(this.path, "tmp");
    this.outputsFile = join(this.path, "outputs");
    this.summaryFile = join(this.path, "summary.md");
    this.spool = join(this.path, "spool");
  }

  /**
   * Makes it with these files: what an earlier start of the agent left under this name is removed. All in
   * one go, as a busy machine takes longer to hand each of these small calls to a thread than to do it.
   */
  async create(files: readonly AttemptFile[]): Promise<void> {
    await this.#makeNew();
    for (const folder of [this.workspace, this.temporary]) mkdirSync(folder, { mode: 0o700 });
    for (const file of [this.outputsFile, this.summaryFile]) {
      writeFileSync(file, "", { mode: 0o600, flag: "wx" });
    }
    this.add(files);
  }

  /** Writes more files. Throws where one is there already. */
  add(files: readonly AttemptFile[]): void {
    for (const { name, text } of files) {
      writeFileSync(this.file(name), text, { mode: 0o700, flag: "wx" });
    }
  }

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
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
      mkdirSync(this.path, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      await this.remove();
      mkdirSync(this.path, { mode: 0o700 });
    }
  }
}
