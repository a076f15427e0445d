import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { type CgroupParent, openCgroupParent } from "../../src/agent/cgroup.ts";
import { type AgentClock, systemClock } from "../../src/agent/clock.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { parseProcStat, parsePsLine, systemProcessTable } from "../../src/agent/process-table.ts";
import { waitUntil } from "../support/wait-until.ts";
import { temporaryFolder } from "./support/folder.ts";
import { hasCgroups, isAlive, runJob, startJob, type TestJob } from "./support/job.ts";

const cgroupsHere = hasCgroups();

/** Both ways to know a tree, where the machine has both. */
const ways = cgroupsHere ? [{ cgroups: true }, { cgroups: false }] : [{ cgroups: false }];

/** The numbers that a job's processes have written to `pids` in the folder. */
function pidsIn(folder: string): number[] {
  const file = join(folder, "pids");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number);
}

async function startedWith(job: TestJob, folder: string, count: number): Promise<number[]> {
  await waitUntil(`${count} processes of ${job.log()}`, () => pidsIn(folder).length >= count);
  return pidsIn(folder);
}

/** A child that forks twice, leads a session of its own and has lost its parent. */
const daemon = (folder: string, command = "exec sleep 300") =>
  `(setsid sh -c 'echo $$ >>${folder}/pids; ${command}' </dev/null &) &`;

describe.each(ways)("a job's tree, with cgroups: $cgroups", ({ cgroups }) => {
  test("cancel reaches children that forked twice and left the session", async () => {
    const folder = temporaryFolder();
    const script = `${daemon(folder)}\n${daemon(folder, "trap '' TERM; while :; do sleep 0.1; done")}\necho $$ >>${folder}/pids; sleep 300`;
    const job = startJob({ script }, { cgroups });
    const pids = await startedWith(job, folder, 3);
    job.running.cancel("test", 300);
    expect(await job.end).toMatchObject({ outcome: Outcome.CANCELLED });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(job.warnings).toEqual([]);
  });

  test("so does a timeout, with SIGTERM first", async () => {
    const folder = temporaryFolder();
    const polite = daemon(
      folder,
      `trap "echo polite >>${folder}/said; exit 0" TERM; sleep 300 & wait`,
    );
    const job = startJob({ script: `${polite}\nsleep 300`, timeoutMs: 600 }, { cgroups });
    const pids = await startedWith(job, folder, 1);
    expect(await job.end).toMatchObject({ outcome: Outcome.TIMED_OUT });
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readFileSync(join(folder, "said"), "utf8")).toBe("polite\n");
  });

  test("what is left after the script has ended is killed", async () => {
    const folder = temporaryFolder();
    const job = startJob(
      { script: `${daemon(folder)}\nwhile ! test -s ${folder}/pids; do sleep 0.01; done` },
      { cgroups },
    );
    const pids = await startedWith(job, folder, 1);
    expect(await job.end).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("a pipe reader behind the script's back gets to print the last lines", async () => {
    const script =
      'exec > >(while read -r line; do sleep 0.02; echo "$line!"; done)\nfor i in 1 2 3 4 5; do echo $i; done';
    const job = await runJob({ shell: "bash", script }, { cgroups });
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED, log: "1!\n2!\n3!\n4!\n5!\n" });
  });

  test("a tree that forks faster than it can be counted is dead in the end", async () => {
    const folder = temporaryFolder();
    const forks = `fork() { setsid sh -c 'echo $$ >>${folder}/pids; exec sleep 300' & }; while :; do fork; sleep 0.005; done`;
    const job = startJob({ script: forks }, { cgroups });
    await startedWith(job, folder, 20);
    job.running.cancel("test", 0);
    expect(await job.end).toMatchObject({ outcome: Outcome.CANCELLED, signal: "SIGKILL" });
    expect(pidsIn(folder).filter(isAlive)).toEqual([]);
  });

  test("a job without leftovers does not linger", async () => {
    // With this clock whoever lingers does so for ever.
    const setTimer: AgentClock["setTimer"] = (delayMs, fire) =>
      delayMs === agentLimits.lingerMs ? { cancel: () => {} } : systemClock.setTimer(delayMs, fire);
    const clock = { ...systemClock, setTimer };
    const job = await runJob({ script: "exit 0" }, { cgroups, clock });
    expect(job.outcome).toBe(Outcome.SUCCEEDED);
  });
});

test.runIf(cgroupsHere)(
  "with a cgroup not even a process without its mark and its parent escapes",
  async () => {
    const folder = temporaryFolder();
    const hidden = `(env -i setsid sh -c 'echo $$ >>${folder}/pids; exec /bin/sleep 300' </dev/null >/dev/null 2>&1 &) &`;
    const job = startJob({ script: `${hidden}\nsleep 300` }, { cgroups: true });
    const pids = await startedWith(job, folder, 1);
    job.running.cancel("test", 100);
    await job.end;
    expect(pids.filter(isAlive)).toEqual([]);
  },
);

test.runIf(existsSync("/sys/fs/cgroup/freezer/cgroup.procs"))(
  "the freezer of cgroup v1 does the same",
  async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "proc/self"), { recursive: true });
    writeFileSync(join(root, "proc/self/mounts"), "cgroup /freezer cgroup rw,freezer 0 0\n");
    writeFileSync(join(root, "proc/self/cgroup"), "6:freezer:/\n");
    symlinkSync("/sys/fs/cgroup/freezer", join(root, "freezer"));
    const parent = openCgroupParent(`test-${process.pid}`, root);
    const folder = temporaryFolder();
    const hidden = `(env -i setsid sh -c 'echo $$ >>${folder}/pids; exec /bin/sleep 300' </dev/null >/dev/null 2>&1 &) &`;
    const job = startJob({ script: `${hidden}\nsleep 300` }, parent && { cgroups: parent });
    const pids = await startedWith(job, folder, 1);
    job.running.cancel("test", 0);
    await job.end;
    expect(pids.filter(isAlive)).toEqual([]);
    await job.close();
    expect(existsSync(join(root, "freezer", `troupe-test-${process.pid}`))).toBe(false);
  },
);

test("where the kernel lets nobody join, the tree is found without the group", async () => {
  const folder = temporaryFolder();
  const parent: CgroupParent = {
    enforced: new Set(),
    create: (_name, refusedFile) => ({
      joinFiles: ["/dev/null/cgroup.procs"],
      refusedFile,
      limit: () => {},
      isJoined: () => !existsSync(refusedFile),
      pids: () => [],
      kill: () => {},
      usage: () => undefined,
      keepsPeaks: true,
      limitHit: () => undefined,
      remove: () => {},
    }),
    clear: () => {},
  };
  const script = `${daemon(folder)}\nwhile ! test -s ${folder}/pids; do sleep 0.01; done; sleep 300`;
  const job = startJob({ script }, { cgroups: parent });
  const pids = await startedWith(job, folder, 1);
  job.running.cancel("test", 200);
  await job.end;
  expect(pids.filter(isAlive)).toEqual([]);
});

test("a stranger that is older than the job is never touched", async () => {
  const table = systemProcessTable();
  const own = table.get(process.pid);
  const job = startJob({ script: "sleep 300" });
  await waitUntil("the start", () => job.startedAtMs !== undefined);
  job.running.cancel("test", 0);
  await job.end;
  expect(table.get(process.pid)?.startedAt).toBe(own?.startedAt);
});

describe("control groups", () => {
  test("v2 is preferred, then the freezer of v1, in the agent's own group; none is no error", () => {
    const root = temporaryFolder();
    const write = (file: string, text: string) => {
      mkdirSync(join(root, file, ".."), { recursive: true });
      writeFileSync(join(root, file), text);
    };
    expect(openCgroupParent("x", root)).toBeUndefined();
    write("proc/self/mounts", "cgroup /fz cgroup rw,freezer 0 0\ncgroup2 /un cgroup2 rw 0 0\n");
    write("proc/self/cgroup", "6:freezer:/a/b\n0::/slice/unit\n");
    expect(openCgroupParent("x", root)).toBeDefined();
    expect(openCgroupParent("x", root)?.create("job", "")?.joinFiles).toEqual([
      join(root, "un/slice/unit/troupe-x/job/cgroup.procs"),
    ]);
    write("proc/self/mounts", "cgroup /fz cgroup rw,freezer 0 0\n");
    const parent = openCgroupParent("y", root);
    expect(parent?.create("job", "")?.joinFiles).toEqual([
      join(root, "fz/a/b/troupe-y/job/cgroup.procs"),
    ]);
  });
});

describe("the process table", () => {
  test("reads names that hold anything", () => {
    const stat = "42 (a) b (c) S 1 40 39 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 777 1 1";
    expect(parseProcStat(stat)).toEqual({
      pid: 42,
      parentPid: 1,
      groupId: 40,
      sessionId: 39,
      startedAt: 777,
      zombie: false,
      command: "a) b (c",
    });
    expect(parseProcStat("")).toBeUndefined();
  });

  test("agrees with ps about this process", () => {
    const columns = ["-o", "pid=,ppid=,pgid=,stat=,lstart=,comm=", "-p", String(process.pid)];
    const line = execFileSync("ps", columns, {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
    const seen = systemProcessTable().get(process.pid);
    expect(parsePsLine(line.trimEnd())).toMatchObject({
      pid: process.pid,
      parentPid: seen?.parentPid,
      groupId: seen?.groupId,
      zombie: false,
    });
    expect(parsePsLine("rubbish")).toBeUndefined();
  });
});
