/** Jobs on a real executor, as verbs. */
import { onTestFinished } from "vitest";
import type { Assignment, AttemptRef } from "../../../proto/troupe/agent/v1/agent.ts";
import { type CgroupParent, openCgroupParent } from "../../../src/agent/cgroup.ts";
import { type AgentClock, systemClock } from "../../../src/agent/clock.ts";
import type { Executor, JobEnd, RunningJob } from "../../../src/agent/executor.ts";
import { processExecutor } from "../../../src/agent/process-executor.ts";
import { systemProcessTable } from "../../../src/agent/process-table.ts";
import { Transfers } from "../../../src/agent/transfers.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { assignment } from "./fake-server.ts";
import { temporaryFolder } from "./folder.ts";

export interface TestJob {
  readonly assignment: Assignment & { attempt: AttemptRef };
  readonly running: RunningJob;
  readonly end: Promise<JobEnd>;
  readonly warnings: string[];
  startedAtMs: number | undefined;
  /** All of the log so far. */
  log(): string;
  bytes(): Buffer;
  /** Waits until the log holds this. */
  prints(text: string): Promise<unknown>;
  /** Ends it, and all that its executor keeps. */
  close(): Promise<void>;
}

export interface JobSetting {
  readonly workFolder?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** true: groups of this test's own, in the best hierarchy of this machine. */
  readonly cgroups?: boolean | CgroupParent;
  readonly mark?: string;
  /** Default: one, so that a process is made ready for a second job. */
  readonly slots?: number;
  readonly clock?: AgentClock;
  /** Default: any use of it fails. */
  readonly transfers?: Transfers;
  /** One that has run jobs before, of `newExecutor`. */
  readonly executor?: Executor;
}

const noTransfers = new Transfers({
  link: () => {
    throw new Error("this test has no server");
  },
  clock: systemClock,
  random: Math.random,
});

const environment = { PATH: process.env["PATH"], HOME: process.env["HOME"], AGENT_SECRET: "no" };

let parents = 0;

/** Starts a job; its processes, folders and groups go with the test. */
export function startJob(changes: Partial<Assignment>, setting: JobSetting = {}): TestJob {
  const warnings: string[] = [];
  const executor = setting.executor ?? newExecutor(setting, (message) => warnings.push(message));
  const pieces: Buffer[] = [];
  const given = assignment(changes);
  let tellEnd: (end: JobEnd) => void;
  const end = new Promise<JobEnd>((resolve) => {
    tellEnd = resolve;
  });
  const running = executor.start(given, {
    started: (startedAtMs) => {
      job.startedAtMs = startedAtMs;
    },
    output: (bytes) => pieces.push(Buffer.from(bytes)),
    ended: (how) => tellEnd(how),
  });
  const job: TestJob = {
    assignment: given,
    running,
    end,
    warnings,
    startedAtMs: undefined,
    log: () => Buffer.concat(pieces).toString("utf8"),
    bytes: () => Buffer.concat(pieces),
    prints: (text) =>
      waitUntil(`${JSON.stringify(text)} in the log`, () => job.log().includes(text)),
    close: async () => {
      running.cancel("the test is over", 0);
      await end;
      await executor.close();
    },
  };
  onTestFinished(() => job.close());
  return job;
}

export function newExecutor(
  setting: JobSetting,
  onWarning: (message: string) => void = () => {},
): Executor {
  const cgroups = setting.cgroups === true ? groupsOfThisTest() : setting.cgroups || undefined;
  return processExecutor({
    workFolder: setting.workFolder ?? temporaryFolder(),
    mark: setting.mark ?? `test-${process.pid}`,
    clock: setting.clock ?? systemClock,
    environment: setting.environment ?? environment,
    slots: setting.slots ?? 1,
    onWarning,
    cgroups,
    transfers: setting.transfers ?? noTransfers,
  });
}

/** Runs a job to its end. */
export async function runJob(
  changes: Partial<Assignment>,
  setting: JobSetting = {},
): Promise<JobEnd & { log: string }> {
  const job = startJob(changes, setting);
  return { ...(await job.end), log: job.log() };
}

function groupsOfThisTest(): CgroupParent {
  const parent = openCgroupParent(`test-${process.pid}-${++parents}`);
  if (parent === undefined) throw new Error("this machine allows no control groups");
  return parent;
}

/** Can control groups be made here? Only root on a machine that delegates them can. */
export function hasCgroups(): boolean {
  return openCgroupParent(`probe-${process.pid}`) !== undefined;
}

/** Runs it still? One that is dead but not yet collected by its parent does not. */
export function isAlive(pid: number): boolean {
  return systemProcessTable().get(pid)?.zombie === false;
}
