import { describe, expect, test } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { systemProcessTable } from "../../src/agent/process-table.ts";
import { waitUntil } from "../support/wait-until.ts";
import { hasCgroups, isAlive, newExecutor, runJob, startJob } from "./support/job.ts";

const table = systemProcessTable();
const ways = hasCgroups() ? [{ cgroups: true }, { cgroups: false }] : [{ cgroups: false }];
let marks = 0;

/** An executor that has run one job, and the processes that it keeps ready since. */
async function warm({ cgroups = false, slots = 1 } = {}) {
  const mark = `ready-test-${process.pid}-${++marks}`;
  const executor = newExecutor({ mark, cgroups, slots });
  const ready = () =>
    table
      .list()
      .filter(
        ({ pid, zombie }) => !zombie && table.startedWith(pid, `TROUPE_ATTEMPT_ID=${mark}.ready`),
      )
      .map(({ pid }) => pid);
  const setting = { executor, mark };
  const job = startJob({ script: ":" }, setting);
  await job.end;
  await waitUntil("the ready processes", () => ready().length === slots);
  return { setting, ready };
}

describe.each(ways)("a process that is there before its job, with cgroups: $cgroups", (way) => {
  test("becomes it, and is replaced; at the end none is left", async () => {
    const { setting, ready } = await warm(way);
    const [pid = 0] = ready();
    const job = startJob({ script: "echo $$; cut -d' ' -f1,5,6 /proc/$$/stat" }, setting);
    expect(await job.end).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(job.log()).toBe(`${pid}\n${pid} ${pid} ${pid}\n`);
    await waitUntil("the next one", () => ready().length === 1 && !ready().includes(pid));
    const [last = 0] = ready();
    await job.close();
    expect(isAlive(last)).toBe(false);
  });

  test("that is killed while it waits costs no job", async () => {
    const { setting, ready } = await warm(way);
    const [pid = 0] = ready();
    process.kill(pid, "SIGKILL");
    await waitUntil("the agent to have heard of its death", () => table.get(pid) === undefined);
    const job = startJob({ script: "echo $$" }, setting);
    expect(await job.end).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(job.log()).not.toBe(`${pid}\n`);
  });
});

test("there are as many as slots, and jobs that come together take them all", async () => {
  const { setting, ready } = await warm({ slots: 3 });
  const before = ready();
  const jobs = before.map(() => startJob({ script: "echo $$" }, setting));
  await Promise.all(jobs.map((job) => job.end));
  expect(jobs.map((job) => Number(job.log())).sort()).toEqual(before.sort());
});

test("the environment is the job's to the byte, whatever it calls its variables", async () => {
  const env = {
    QUOTED: `it's "$HOME" \\ \`x\` ünï`,
    LINES: "a\nb\n",
    EMPTY: "",
    "with-dash.and.dot": "1 2",
    PPID: "7",
    UID: "8",
    IFS: "x",
    PWD: "/told",
    LC_ALL: "xx_YY.none",
    launch: "theirs",
  };
  const script = "console.log(JSON.stringify(process.env))";
  const { log } = await runJob({ shell: "node", script, env });
  const seen = JSON.parse(log) as Record<string, string>;
  expect(seen).toMatchObject(env);
  const others = Object.keys(seen).filter((name) => !Object.hasOwn(env, name));
  // The last one by a bash in the place of sh.
  const own = /^(TROUPE_|(PATH|HOME|LANG|TMPDIR|CI|PYTHONUNBUFFERED|SHLVL)$)/;
  expect(others.filter((name) => !own.test(name))).toEqual([]);
});

test("what comes behind the launch line on standard input is the job's", async () => {
  const stdin = "first\nsecond \\ line\n".repeat(2_000);
  expect((await runJob({ script: "cat", stdin })).log).toBe(stdin);
});
