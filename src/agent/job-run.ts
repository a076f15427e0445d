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
import {
  type Assignment,
  type AttemptRef,
  type Checkout,
  Outcome,
} from "../../proto/troupe/agent/v1/agent.ts";
import { AttemptFolder } from "./attempt-folder.ts";
import { CheckoutFailed, checkOut } from "./checkout-run.ts";
import { type JobEnd, type JobListener, neverRan, type RunningJob } from "./executor.ts";
import { JobCaches } from "./job-caches.ts";
import type { Environment } from "./job-environment.ts";
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
import { JobProcess } from "./job-process.ts";
import { JobProblem, type JobProgram, jobProgram } from "./job-program.ts";
import { JobStop } from "./job-stop.ts";
import { type Stop, type Verdict, verdict } from "./job-verdict.ts";
import { agentLimits } from "./limits.ts";
import { readOutputs } from "./outputs-file.ts";
import type { ExecutorContext } from "./process-executor.ts";
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
  /** The one that runs now, or did last. */
  #process: JobProcess | undefined;
  #begun: Begun | undefined;
  #blocked = false;
  #commit = "";
  #caches: JobCaches | undefined;

  constructor(context: ExecutorContext, assignment: Assignment, listener: JobListener) {
    this.#context = context;
    this.#assignment = assignment;
    this.#listener = listener;
    this.#folder = new AttemptFolder(context.workFolder, assignment.attempt as AttemptRef);
    this.#mark = `${context.mark}.${this.#folder.name}`;
    this.#stop = new JobStop(context.clock);
    void this.#run().then((end) => listener.ended(end));
  }

  cancel(reason: string, graceMs: number): void {
    this.#stop.request({ cause: "cancelled", reason }, graceMs);
  }

  setOutputBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    this.#process?.setBlocked(blocked);
  }

  async #run(): Promise<JobEnd> {
    try {
      const { launchFile, input } = await this.#prepare();
      return await this.#execute(await this.#start(launchFile, input));
    } catch (error) {
      return this.#endedEarly(error);
    }
  }

  #prepare(): Promise<JobProgram> {
    return jobProgram({
      assignment: this.#assignment,
      folder: this.#folder,
      mark: this.#mark,
      agentEnvironment: this.#context.environment,
      prepareWorkspace: () => this.#prepareWorkspace(),
    });
  }

  async #prepareWorkspace(): Promise<Environment> {
    const { checkout } = this.#assignment;
    if (checkout !== undefined) this.#commit = await this.#checkOut(checkout);
    await bringInputs(this.#files);
    if (this.#assignment.caches.length > 0) await this.#restoreCaches();
    return this.#commit === "" ? {} : { TROUPE_COMMIT: this.#commit };
  }

  #restoreCaches(): Promise<void> {
    const { log } = this.#begin();
    const { clock } = this.#context;
    const caches = new JobCaches({ ...this.#files, clock, remark: (text) => log.remark(text) });
    this.#caches = caches;
    return caches.restore();
  }

  #checkOut(checkout: Checkout): Promise<string> {
    return checkOut({
      checkout,
      assignment: this.#assignment,
      folder: this.#folder,
      context: this.#context,
      stop: this.#stop,
      log: this.#begin().log,
      mark: this.#mark,
      launch: (launchFile, input) => this.#start(launchFile, input),
    });
  }

  /** From here on it counts as running, and has a log. */
  #begin(): Begun {
    if (this.#begun !== undefined) return this.#begun;
    const { clock } = this.#context;
    const startedAtMs = clock.nowMs();
    const { token = "", tokenName } = this.#assignment.checkout ?? {};
    const ofCheckout = token === "" ? {} : { [`${tokenName} of the checkout`]: token };
    const log = new JobLog(
      { ...this.#assignment.secrets, ...ofCheckout },
      (bytes) => this.#listener.output(bytes),
      this.#limits.logBytes || agentLimits.logBytesMax,
    );
    this.#begun = { startedAtMs, beganMs: clock.monotonicMs(), log };
    this.#listener.started(startedAtMs);
    return this.#begun;
  }

  /** Throws where it is not to be, or not under its limits (E4). */
  async #start(launchFile: string, input: string | undefined): Promise<JobProcess> {
    const ready = await this.#context.processes.take();
    try {
      if (this.#stop.stop !== undefined) throw new StoppedBeforeStart();
      ready.cgroup?.limit(this.#limits);
    } catch (error) {
      await ready.abandon();
      throw error;
    }
    ready.become(`./${this.#folder.name}/${launchFile}`, input);
    const { log } = this.#begin();
    const { table, clock, processes } = this.#context;
    const onBytes = (bytes: Uint8Array): void => log.push(bytes);
    const isFirst = this.#process === undefined;
    const process = new JobProcess(ready, { table, clock, mark: this.#mark, onBytes });
    this.#process = process;
    if (this.#blocked) process.setBlocked(true);
    // The time that a checkout takes counts.
    this.#stop.processStarted(process.tree, isFirst ? this.#timeout() : undefined);
    processes.replenish();
    return process;
  }

  async #execute(process: JobProcess): Promise<JobEnd> {
    const { log } = this.#begin();
    const watch = this.#watch(log, process);
    const exit = await process.exited;
    const times = this.#times();
    // A stop that comes after this finds a job that has ended by itself.
    const stop = this.#stop.stop;
    this.#stop.processEnded();
    await this.#clear(process, log);
    const { limitHit, usage } = this.#account(watch, log);
    process.removeCgroup();
    const outputs = await this.#outputs(log);
    const leavings = stop === undefined ? await this.#leavings(log) : nothingLeft;
    const problem = outputs.problem ?? leavings?.problem;
    // Stopped while its files were on their way: it did not end well before the stop.
    const how = verdict({ exit, stop: leavings ? stop : this.#stop.stop, limitHit, problem });
    if (how.outcome === Outcome.SUCCEEDED) await this.#caches?.save();
    const { artifacts, summary } = leavings ?? nothingLeft;
    const left = { outputs: outputs.values, artifacts, summary, commit: this.#commit };
    return { ...how, ...left, ...times, usage };
  }

  /** Its script never ran. */
  async #endedEarly(error: unknown): Promise<JobEnd> {
    const stop = this.#stop.stop;
    this.#stop.processEnded();
    await this.#stop.graceOver();
    this.#begun?.log.end();
    const end = { ...neverRan(Outcome.ERROR, startProblem(error)), commit: this.#commit };
    const times = this.#begun === undefined ? {} : this.#times();
    if (stop !== undefined && isOfStop(error)) return { ...end, ...verdictOfStop(stop), ...times };
    if (error instanceof CheckoutFailed) {
      const { exitCode, message: reason } = error;
      return { ...end, outcome: Outcome.FAILED, exitCode, reason, ...times };
    }
    if (error instanceof JobProblem) return { ...end, reason: error.message, ...times };
    return { ...end, ...times };
  }

  #times(): Pick<JobEnd, "startedAtMs" | "durationMs"> {
    const { startedAtMs, beganMs } = this.#begin();
    const durationMs = Math.round(this.#context.clock.monotonicMs() - beganMs);
    return { startedAtMs, durationMs };
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

  #watch(log: JobLog, { leader, cgroup }: JobProcess): UsageWatch {
    const { cgroups, watcher } = this.#context;
    const enforced = cgroup === undefined ? new Set<LimitName>() : cgroups?.enforced;
    const missing = unenforced(this.#limits, enforced ?? new Set());
    if (missing.length > 0) {
      log.remark(`this agent cannot enforce limits of ${missing.join(", ")}: see docs/agents.md`);
    }
    const onOutOfMemory = (hit: LimitHit): void => {
      if (hit.limit !== "memory") return;
      this.#stop.request({ cause: "out-of-memory", bytes: hit.bytes }, 0);
    };
    return watcher.watch({ leader, cgroup, onOutOfMemory });
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

  #timeout(): { afterMs: number; graceMs: number } | undefined {
    const { timeoutMs, killGraceMs } = this.#assignment;
    return timeoutMs === 0 ? undefined : { afterMs: timeoutMs, graceMs: killGraceMs };
  }

  /** The first process has ended: leftovers may finish, then die; then the pipe is read to its end (E2). */
  async #clear(process: JobProcess, log: JobLog): Promise<void> {
    const survivors = await process.cleared(this.#stop);
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

interface Begun {
  readonly startedAtMs: number;
  readonly beganMs: number;
  readonly log: JobLog;
}

class StoppedBeforeStart extends Error {}

function isOfStop(error: unknown): boolean {
  return (
    error instanceof StoppedBeforeStart ||
    error instanceof TransferStoppedError ||
    error instanceof CheckoutFailed
  );
}

function verdictOfStop(stop: Stop): Verdict {
  const exit = { code: 0, signal: null };
  return verdict({ exit, stop, limitHit: undefined, problem: undefined });
}
