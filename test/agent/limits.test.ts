import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { openCgroupParent } from "../../src/agent/cgroup.ts";
import { applyLimits, enforcedBy, limitHit, usageOf } from "../../src/agent/cgroup-accounts.ts";
import { cgroupHierarchies } from "../../src/agent/cgroup-hierarchies.ts";
import { sizeText } from "../../src/agent/job-limits.ts";
import { temporaryFolder } from "./support/folder.ts";
import { runJob, startJob } from "./support/job.ts";

const MiB = 2 ** 20;
const none = { memoryBytes: 0, cpus: 0, processes: 0, logBytes: 0 };
const enforcesAll = openCgroupParent(`limits-${process.pid}`)?.enforced.size === 3;

test("a job's log has the limit of its definition, with a mark where it is cut, and the job goes on", async () => {
  const script = "seq 10000; touch went-on; test -e went-on";
  const job = await runJob({ script, limits: { ...none, logBytes: 1_024 } }, {});
  expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED });
  expect(job.log.startsWith("1\n2\n3\n")).toBe(true);
  expect(job.log).toContain(
    "troupe: this log is cut here: it has reached its limit of 1024 bytes\n",
  );
  expect(job.log).toMatch(/troupe: 47870 more bytes were printed and are not in this log\n$/);
  expect(job.log.length).toBeLessThan(1_300);
});

describe.runIf(enforcesAll)("a job with limits, on a kernel that enforces them", () => {
  const eat = (bytes: number) =>
    `const held = []; for (let i = 0; i < ${bytes / MiB}; i++) held.push(Buffer.alloc(${MiB}, 1)); console.log("ate it");`;

  test("dies of its memory limit, and the reason names it", async () => {
    const job = await runJob(
      { shell: "node", script: eat(200 * MiB), limits: { ...none, memoryBytes: 96 * MiB } },
      { cgroups: true },
    );
    expect(job).toMatchObject({ outcome: Outcome.FAILED, reason: "killed: 96 MiB memory limit" });
    expect(job.log).not.toContain("ate it");
    expect(job.usage?.memoryPeakBytes).toBeLessThanOrEqual(96 * MiB);
    expect(job.usage?.memoryPeakBytes).toBeGreaterThan(80 * MiB);
  });

  test("dies as a whole, also where only a child of it was too large and the script goes on", async () => {
    const script = `node -e '${eat(200 * MiB)}' || true\necho went on; while :; do sleep 1; done`;
    const job = await runJob(
      { script, limits: { ...none, memoryBytes: 96 * MiB } },
      { cgroups: true },
    );
    expect(job).toMatchObject({ outcome: Outcome.FAILED, reason: "killed: 96 MiB memory limit" });
  });

  test("within its limit it runs, and its peak is told", async () => {
    const job = await runJob(
      { shell: "node", script: eat(64 * MiB), limits: { ...none, memoryBytes: 512 * MiB } },
      { cgroups: true },
    );
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED, reason: "" });
    expect(job.usage?.memoryPeakBytes).toBeGreaterThan(64 * MiB);
  });

  test("is refused processes beyond its limit, and the reason says so", async () => {
    const script = "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; kill %1; echo all";
    const job = await runJob({ script, limits: { ...none, processes: 4 } }, { cgroups: true });
    expect(job.outcome).toBe(Outcome.FAILED);
    expect(job.reason).toContain("after it was refused a process beyond its limit of 4");
    expect(job.usage?.processesPeak).toBeLessThanOrEqual(4);
  });

  test("gets no more CPU than its limit", async () => {
    const script = "const end = Date.now() + 1_000; while (Date.now() < end);";
    const job = await runJob(
      { shell: "node", script, limits: { ...none, cpus: 0.2 } },
      { cgroups: true },
    );
    expect(job.outcome).toBe(Outcome.SUCCEEDED);
    // A period or two of slack: the kernel lets a group overdraw.
    expect(job.usage?.cpuMs).toBeLessThan(job.durationMs * 0.2 + 150);
    expect(job.usage?.cpuMs).toBeGreaterThan(20);
  });

  test("a limit that the kernel does not take is the job's error, not a silent gap", async () => {
    const limits = { ...none, cpus: 2 ** 40 };
    const job = await runJob({ script: "true", limits }, { cgroups: true });
    expect(job.outcome).toBe(Outcome.ERROR);
    expect(job.reason).toContain("this agent's kernel does not take the job's limits");
  });
});

test("without control groups the job runs, and its log says that the limits do not hold", async () => {
  const limits = { ...none, memoryBytes: 64 * MiB, processes: 3 };
  const job = await runJob({ script: "echo up", limits });
  expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED });
  expect(job.log).toBe(
    "troupe: this agent cannot enforce limits of memory, processes: see docs/agents.md\nup\n",
  );
});

test.runIf(process.platform === "linux")(
  "without control groups usage is read from /proc, children included",
  async () => {
    const spin = "const end = Date.now() + 2_500; while (Date.now() < end);";
    const job = startJob({ script: `node -e '${spin}' & node -e '${spin}' & wait` });
    const { usage } = await job.end;
    expect(usage?.cpuMs).toBeGreaterThan(100);
    expect(usage?.memoryPeakBytes).toBeGreaterThan(40 * MiB);
    expect(usage?.processesPeak).toBeGreaterThan(2);
  },
);

describe("the files of both versions", () => {
  const group = (files: Record<string, string>) => {
    const folder = temporaryFolder();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };

  test("v2: limits are written, accounts are read", () => {
    const folder = group({
      "memory.swap.max": "max",
      "memory.oom.group": "0",
      "memory.peak": "1048576\n",
      "memory.events": "low 0\noom 1\noom_kill 2\n",
      "cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
      "pids.peak": "7\n",
      "pids.events": "max 0\n",
      "io.stat": "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2 rios=1\n",
    });
    const of = { folder, version: 2 } as const;
    const folders = new Map([
      ["memory", of],
      ["cpu", of],
      ["pids", of],
      ["io", of],
    ] as const);
    const limits = { ...none, memoryBytes: 512 * MiB, cpus: 1.5, processes: 200 };
    applyLimits(folders, limits);
    const written = ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"];
    expect(written.map((name) => readFileSync(join(folder, name), "utf8"))).toEqual([
      String(512 * MiB),
      "0",
      "1",
      "150000 100000",
      "200",
    ]);
    expect(usageOf(folders)).toEqual({
      cpuMs: 1_500,
      memoryPeakBytes: MiB,
      processesPeak: 7,
      readBytes: 11,
      writtenBytes: 22,
    });
    expect(limitHit(folders, limits)).toEqual({ limit: "memory", bytes: 512 * MiB });
    expect(limitHit(folders, { ...limits, memoryBytes: 0 })).toBeUndefined();
    expect([...enforcedBy(folders.keys())]).toEqual(["memory", "cpus", "processes"]);
  });

  test("v2: the agent moves into a leaf, and hands the controllers on to its jobs", () => {
    const root = temporaryFolder();
    const own = join(root, "cg/unit");
    mkdirSync(join(root, "proc/self"), { recursive: true });
    mkdirSync(own, { recursive: true });
    writeFileSync(join(root, "proc/self/mounts"), "cgroup2 /cg cgroup2 rw 0 0\n");
    writeFileSync(join(root, "proc/self/cgroup"), "0::/unit\n");
    writeFileSync(join(own, "cgroup.controllers"), "cpuset cpu io memory pids\n");
    const parent = openCgroupParent("x", root);
    expect(parent?.enforced).toEqual(new Set(["memory", "cpus", "processes"]));
    expect(readFileSync(join(own, "cgroup.subtree_control"), "utf8")).toBe(
      "+memory +cpu +pids +io",
    );
    const job = parent?.create("job", "");
    job?.limit({ ...none, processes: 9 });
    const handedOn = join(own, "troupe-x/cgroup.subtree_control");
    expect(readFileSync(handedOn, "utf8")).toBe("+memory +cpu +pids +io");
    expect(readFileSync(join(own, "troupe-x/job/pids.max"), "utf8")).toBe("9");
    expect(job?.joinFiles).toEqual([join(own, "troupe-x/job/cgroup.procs")]);
  });

  test("v1: several controllers may share a mount, and a name that is not theirs is no match", () => {
    const root = temporaryFolder();
    mkdirSync(join(root, "proc/self"), { recursive: true });
    const mounts = [
      "cgroup /c cgroup rw,cpu,cpuacct 0 0",
      "cgroup /m cgroup rw,memory 0 0",
      "cgroup /s cgroup rw,name=systemd 0 0",
    ];
    writeFileSync(join(root, "proc/self/mounts"), `${mounts.join("\n")}\n`);
    const own = "4:memory:/a\n3:cpu,cpuacct:/b\n1:name=systemd:/c\n";
    writeFileSync(join(root, "proc/self/cgroup"), own);
    expect(
      cgroupHierarchies(root).map(({ folder, controllers }) => [folder, [...controllers]]),
    ).toEqual([
      [join(root, "c/b"), ["cpu", "cpuacct"]],
      [join(root, "m/a"), ["memory"]],
      [join(root, "s/c"), []],
    ]);
  });
});

test("sizes for people", () => {
  expect([10, 1_024, 1.5 * 2 ** 30, 512 * MiB, 45.26 * MiB].map(sizeText)).toEqual([
    "10 B",
    "1 KiB",
    "1.5 GiB",
    "512 MiB",
    "45 MiB",
  ]);
});
