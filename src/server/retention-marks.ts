/**
 * How far retention has come, in `retention.json` of the data folder. By it a thing that is not there any more can be told
 * from one that never was: what was removed is at most as new as the mark, and a run is older than all that it leaves.
 *
 *  M1. A mark is written before the first thing is removed that it covers, and never goes back.
 */
import { limits, TroupeError } from "../actors/kernel/index.ts";
import { type RetentionFile, readRetentionFile, writeRetentionFile } from "./data-folder.ts";

export type Removable = "logs" | "files";

export class RetentionMarks {
  readonly #dataDir: string;
  #file: RetentionFile;

  private constructor(dataDir: string, file: RetentionFile) {
    this.#dataDir = dataDir;
    this.#file = file;
  }

  static async open(dataDir: string): Promise<RetentionMarks> {
    return new RetentionMarks(dataDir, (await readRetentionFile(dataDir)) ?? {});
  }

  /** Things up to this age are about to be removed. */
  async raise(what: Removable, atMs: number): Promise<void> {
    const known = this.#file[what];
    if (known !== undefined && known >= atMs) return;
    const file = { ...this.#file, [what]: atMs };
    await writeRetentionFile(this.#dataDir, file);
    this.#file = file;
  }

  /** Can it be retention by which something of this run is missing? Clocks of file systems and stores may differ from ours. */
  covers(what: Removable, run: { readonly createdAtMs: number }): boolean {
    const mark = this.#file[what];
    return mark !== undefined && run.createdAtMs <= mark + limits.clockSkewMs;
  }

  /** Throws `TROUPE_GONE_BY_RETENTION` for something of a run that is missing, if that may be why. */
  check(
    what: Removable,
    {
      run,
      name,
    }: {
      readonly run: { readonly runId: string; readonly createdAtMs: number };
      readonly name: string;
    },
  ): void {
    if (!this.covers(what, run)) return;
    throw new TroupeError("TROUPE_GONE_BY_RETENTION", { run: run.runId, what: name });
  }
}
