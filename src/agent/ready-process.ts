/**
 * A process that is there before its job: a shell that waits for a line on its standard input, and
 * becomes the job by the file that the line names. To fork the agent takes milliseconds, more with every
 * megabyte it has; no job should wait for that.
 *
 *   D1. It leads a session of its own, and is in its control group, before it knows its job: nothing of a
 *       job ever runs outside. Becoming the job changes neither its number nor its parent.
 *   D2. It ends with the agent, whose end of its standard input closes then.
 *   D3. What the job sees is what its launch file sets: the waiting shell has no environment but the mark.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import type { JobCgroup } from "./cgroup.ts";
import type { ProcessExit } from "./job-verdict.ts";
import type { OutputPipe } from "./output-pipe.ts";

export interface ReadyProcessOptions {
  readonly shell: string;
  readonly folder: string;
  /** The value of TROUPE_ATTEMPT_ID until it is a job. */
  readonly mark: string;
  readonly pipe: OutputPipe;
  readonly cgroup: JobCgroup | undefined;
}

/** Joins its groups, each by a file of the arguments (the first one is for what the kernel refuses), and waits. */
const waitScript =
  'refused=$1; shift; for file; do { echo 0 >"$file"; } 2>/dev/null || : >"$refused"; done; ' +
  'IFS= read -r launch && . "$launch"';

export class ReadyProcess {
  readonly pipe: OutputPipe;
  readonly cgroup: JobCgroup | undefined;
  readonly exited: Promise<ProcessExit>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { pipe, cgroup }: ReadyProcessOptions) {
    this.#child = child;
    this.pipe = pipe;
    this.cgroup = cgroup;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    // One that dies early closes its end early; its exit tells.
    child.stdin?.on("error", () => {});
  }

  /** Rejects with the system's error where there can be no process; the pipe is closed then. */
  static async start(options: ReadyProcessOptions): Promise<ReadyProcess> {
    const { shell, folder, mark, pipe, cgroup } = options;
    const groups = cgroup === undefined ? [""] : [cgroup.refusedFile, ...cgroup.joinFiles];
    try {
      const child = spawn(shell, ["-c", waitScript, "sh", ...groups], {
        cwd: folder,
        env: { TROUPE_ATTEMPT_ID: mark },
        stdio: ["pipe", pipe.writeDescriptor, pipe.writeDescriptor],
        detached: true,
      });
      // Without a process there is an error, and it comes in a later turn.
      if (child.pid === undefined) await failed(child);
      pipe.childStarted();
      return new ReadyProcess(child, options);
    } catch (error) {
      pipe.abandon();
      cgroup?.remove();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Runs `launchFile` in its place; it is left `input` as its standard input. */
  become(launchFile: string, input: string | undefined): void {
    this.#child.stdin?.end(`${launchFile}\n${input ?? ""}`);
  }

  /** It never became a job, and never will. */
  async abandon(): Promise<void> {
    this.pipe.abandon();
    this.#child.kill("SIGKILL");
    await this.exited;
    this.removeCgroup();
  }

  /** Only after all its members are dead. */
  removeCgroup(): void {
    if (this.cgroup === undefined) return;
    if (!this.cgroup.isJoined()) rmSync(this.cgroup.refusedFile, { force: true });
    this.cgroup.remove();
  }
}

function failed(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.once("error", reject);
  });
}
