/**
 * The folder that makes an agent the same one after a restart. One process at a time: two with one
 * identity would push each other off the server, and kill each other's jobs as leftovers.
 */
import { createHash } from "node:crypto";
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentError, exitCodes } from "./agent-error.ts";
import { makeFolders } from "./make-folders.ts";
import type { ProcessTable } from "./process-table.ts";

export class StateFolder {
  readonly path: string;
  /** The same for every start on this folder; begins the TROUPE_ATTEMPT_ID of all its jobs. */
  readonly mark: string;
  readonly #lockPath: string;

  /** Makes the folder and takes the lock. Throws `AgentError` when another agent has it, or it cannot be written. */
  constructor(path: string, table: ProcessTable) {
    try {
      makeFolders(path);
      this.path = realpathSync(path);
      this.mark = createHash("sha256").update(this.path).digest("hex").slice(0, 16);
      this.#lockPath = join(this.path, "agent.pid");
      this.#lock(table);
    } catch (error) {
      if (error instanceof AgentError) throw error;
      throw new AgentError(
        `cannot use the state folder ${path}: ${(error as Error).message}`,
        exitCodes.failed,
        { cause: error },
      );
    }
  }

  release(): void {
    rmSync(this.#lockPath, { force: true });
  }

  #lock(table: ProcessTable): void {
    const mine = `${process.pid} ${table.get(process.pid)?.startedAt ?? 0}\n`;
    for (;;) {
      try {
        return writeFileSync(this.#lockPath, mine, { flag: "wx", mode: 0o600 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const [pid = 0, startedAt] = readFileSync(this.#lockPath, "utf8").split(" ").map(Number);
      // The time of the start tells the holder from a stranger with the number of a dead one.
      if (table.get(pid)?.startedAt === startedAt) {
        throw new AgentError(
          `the state folder ${this.path} is in use by the agent with pid ${pid}: give each agent its own --state-dir`,
          exitCodes.failed,
        );
      }
      rmSync(this.#lockPath, { force: true });
    }
  }
}
