/**
 * One job from its assignment to its end: folder, script, process, pipe, tree, outputs, verdict.
 * Boundary: reports to a listener; knows no link and no server.
 *
 *   E1. The script's process leads a session of its own: no signal to the job's group reaches the agent.
 *   E2. `ended` comes last and once: after the whole tree is dead and every byte of the pipe was handed
 *       on. What survives even SIGKILL is named in the log.
 *   E3. Secrets go in through standard input only, and every byte that comes out passes the mask.
 *   E4. A stop before there is a process means that there never will be one.
 */
import { type Assignment, type AttemptRef, Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { AttemptFolder } from "./attempt-folder.ts";
import { type JobEnd, type JobListener, neverRan, type RunningJob } from "./executor.ts";
import {
  bringInputs,
  type JobFilesOptions,
  type JobLeavings,
  keepLeavings,
  nothingLeft,
} from "./job-files.ts";
import {
  type JobLimits,
  type JobUsage,
  type LimitHit,
  type LimitName,
  noLimits,
  unenforced,
} from "./job-limits.ts";
import { JobLog } from "./job-log.ts";
import { JobProblem, type JobProgram, jobProgram } from "./job-program.ts";
import { JobStop } from "./job-stop.ts";
import { type Stop, verdict } from "./job-verdict.ts";
import { agentLimits } from "./limits.ts";
import { Linger } from "./linger.ts";
import { readOutputs } from "./outputs-file.ts";
import type { ExecutorContext } from "./process-executor.ts";
import { ProcessTree } from "./process-tree.ts";
import type { ReadyProcess } from "./ready-process.ts";
import { startProblem } from "./reason-text.ts";
import { TransferStoppedError } from "./transfers.ts";
import type { UsageWatch } from "./usage-watch.ts";

export class JobRun implements RunningJob {
  readonly #context: ExecutorContext;
  readonly #assignment: Assignment;
  readonly #listener: JobListener;
  readonly #folder: AttemptFolder;
  /** The value of TROUPE_ATTEMPT_ID. */
  readonly #mark: string;
  readonly #stop: JobStop;
  readonly #linger: Linger;
  #process: ReadyProcess | undefined;
  /** The tree is dead: what the pipe still holds is read whatever the link says. */
  #lastBytesLeft = Number.POSITIVE_INFINITY;

  constructor(context: ExecutorContext, assignment: Assignment, listener: JobListener) {
    this.#context = context;
    this.#assignment = assignment;
    this.#listener = listener;
    this.#folder = new AttemptFolder(context.workFolder, assignment.attempt as AttemptRef);
    this.#mark = `${context.mark}.${this.#folder.name}`;
    this.#stop = new JobStop(context.clock);
    this.#linger = new Linger(context.clock, agentLimits.lingerMs);
    void this.#run().then((end) => listener.ended(end));
  }

  cancel(reason: string, graceMs: number): void {
    this.#stop.request({ cause: "cancelled", reason }, graceMs);
  }

  setOutputBlocked(blocked: boolean): void {
    if (this.#lastBytesLeft !== Number.POSITIVE_INFINITY) return;
    if (blocked) this.#process?.pipe.pause();
    else this.#process?.pipe.resume();
    this.#linger.setBlocked(blocked);
  }

  async #run(): Promise<JobEnd> {
    try {
      const program = await this.#prepare();
      const process = await this.#context.processes.take();
      await this.#launch(process, program);
      this.#process = process;
      return await this.#execute(process);
    } catch (error) {
      const stop = this.#stop.stop;
      if (stop !== undefined && isOfStop(error))
        return neverRan(Outcome.CANCELLED, verdictOfStop(stop));
      const reason = error instanceof JobProblem ? error.message : startProblem(error);
      return neverRan(Outcome.ERROR, reason);
    }
  }

  #prepare(): Promise<JobProgram> {
    return jobProgram({
      assignment: this.#assignment,
      folder: this.#folder,
      mark: this.#mark,
      agentEnvironment: this.#context.environment,
      prepareWorkspace: () => bringInputs(this.#files),
    });
  }

  /** Throws where it is not to be, or not under its limits (E4). */
  async #launch(process: ReadyProcess, { launchFile, input }: JobProgram): Promise<void> {
    try {
      if (this.#stop.stop !== undefined) throw new StoppedBeforeStart();
      process.cgroup?.limit(this.#limits);
    } catch (error) {
      await process.abandon();
      throw error;
    }
    process.become(`./${this.#folder.name}/${launchFile}`, input);
  }

  async #execute(process: ReadyProcess): Promise<JobEnd> {
    const { clock } = this.#context;
    const startedAtMs = clock.nowMs();
    const beganMs = clock.monotonicMs();
    const tree = this.#treeOf(process);
    const log = new JobLog(
      this.#assignment.secrets,
      (bytes) => this.#listener.output(bytes),
      this.#limits.logBytes || agentLimits.logBytesMax,
    );
    this.#listener.started(startedAtMs);
    const watch = this.#watch(log, process);
    const drained = this.#readPipe(log, process);
    this.#stop.processStarted(tree, this.#timeout());
    this.#context.processes.replenish();

    const exit = await process.exited;
    const durationMs = Math.round(clock.monotonicMs() - beganMs);
    // A stop that comes after this finds a job that has ended by itself.
    const stop = this.#stop.stop;
    this.#stop.processEnded();
    await this.#clearTree(tree, drained, log);
    const { limitHit, usage } = this.#account(watch, log);
    process.removeCgroup();
    const outputs = await this.#outputs(log);
    const leavings = stop === undefined ? await this.#leavings(log) : nothingLeft;
    const problem = outputs.problem ?? leavings?.problem;
    // Stopped while its files were on their way: it did not end well before the stop.
    const how = verdict({ exit, stop: leavings ? stop : this.#stop.stop, limitHit, problem });
    const { artifacts, summary } = leavings ?? nothingLeft;
    const left = { outputs: outputs.values, artifacts, summary };
    return { ...how, ...left, startedAtMs, durationMs, usage };
  }

  /** undefined: the job was stopped meanwhile. */
  async #leavings(log: JobLog): Promise<JobLeavings | undefined> {
    try {
      const leavings = await keepLeavings(this.#files, (text) => log.holdsSecret(text));
      for (const remark of leavings.remarks) log.remark(remark);
      return leavings;
    } catch (error) {
      if (error instanceof TransferStoppedError) return undefined;
      throw error;
    }
  }

  get #files(): JobFilesOptions {
    const { transfers } = this.#context;
    const stopped = this.#stop.signal;
    return { assignment: this.#assignment, folder: this.#folder, transfers, stopped };
  }

  #watch(log: JobLog, { pid, cgroup }: ReadyProcess): UsageWatch {
    const { table, cgroups, watcher } = this.#context;
    const enforced = cgroup === undefined ? new Set<LimitName>() : cgroups?.enforced;
    const missing = unenforced(this.#limits, enforced ?? new Set());
    if (missing.length > 0) {
      log.remark(`this agent cannot enforce limits of ${missing.join(", ")}: see docs/agents.md`);
    }
    const onOutOfMemory = (hit: LimitHit): void => {
      if (hit.limit !== "memory") return;
      this.#stop.request({ cause: "out-of-memory", bytes: hit.bytes }, 0);
    };
    return watcher.watch({ leader: table.get(pid), cgroup, onOutOfMemory });
  }

  /** After the whole tree is dead, and before its group is removed. */
  #account(watch: UsageWatch, log: JobLog): { limitHit?: LimitHit; usage: JobUsage | undefined } {
    const limited = unenforced(this.#limits, new Set()).length > 0;
    if (limited && this.#process?.cgroup?.isJoined() === false) {
      log.remark("the kernel did not let the job into its control group: no limit was enforced");
    }
    const [limitHit, usage] = [watch.limitHit(), watch.usage()];
    watch.end();
    return { ...(limitHit === undefined ? {} : { limitHit }), usage };
  }

  get #limits(): JobLimits {
    return this.#assignment.limits ?? noLimits;
  }

  #treeOf({ pid, cgroup }: ReadyProcess): ProcessTree {
    const { table, clock } = this.#context;
    // It is still in the table, be it as a zombie: Node asks for its exit code in a later turn.
    const leader = table.get(pid);
    const mark = `TROUPE_ATTEMPT_ID=${this.#mark}`;
    return new ProcessTree({ leader, mark, table, clock, cgroup });
  }

  #timeout(): { afterMs: number; graceMs: number } | undefined {
    const { timeoutMs, killGraceMs } = this.#assignment;
    return timeoutMs === 0 ? undefined : { afterMs: timeoutMs, graceMs: killGraceMs };
  }

  #readPipe(log: JobLog, { pipe }: ReadyProcess): Promise<void> {
    return new Promise((resolve) => {
      pipe.read((bytes) => {
        log.push(bytes);
        this.#lastBytesLeft -= bytes.length;
        // Only an escaped process can write this much after the tree is dead.
        if (this.#lastBytesLeft < 0) pipe.close();
      }, resolve);
    });
  }

  /** The first process has ended: leftovers may finish, then die; then the pipe is read to its end (E2). */
  async #clearTree(tree: ProcessTree, drained: Promise<void>, log: JobLog): Promise<void> {
    await Promise.race([this.#linger.until(drained), this.#stop.requested]);
    if (this.#stop.stop !== undefined) await this.#stop.graceOver();
    const survivors = await tree.killAll();
    this.#lastBytesLeft = agentLimits.pipeBytesMax;
    this.#process?.pipe.resume();
    const close = () => this.#process?.pipe.close();
    const timer = this.#context.clock.setTimer(agentLimits.pipeCloseMs, close);
    await drained;
    timer.cancel();
    log.end();
    if (survivors.length === 0) return;
    const names = survivors.map(({ pid, command }) => `${pid} (${command})`).join(", ");
    log.remark(`these processes of the job could not be killed: ${names}`);
    this.#context.onWarning(`processes of ${this.#folder.name} could not be killed: ${names}`);
  }

  async #outputs(log: JobLog): ReturnType<typeof readOutputs> {
    const outputs = await readOutputs(this.#folder.outputsFile, {
      declared: this.#assignment.outputs,
      holdsSecret: (text) => log.holdsSecret(text),
    });
    if (outputs.undeclared.length > 0) {
      log.remark(
        `not declared as outputs of this job, so left out: ${outputs.undeclared.join(", ")}`,
      );
    }
    return outputs;
  }
}

class StoppedBeforeStart extends Error {}

function isOfStop(error: unknown): boolean {
  return error instanceof StoppedBeforeStart || error instanceof TransferStoppedError;
}

function verdictOfStop(stop: Stop): string {
  const exit = { code: 0, signal: null };
  return verdict({ exit, stop, limitHit: undefined, problem: undefined }).reason;
}
