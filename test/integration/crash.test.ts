/** What must survive `kill -9`: on real processes, seen through the command line only. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ledgerOf, pipelineWithLedger } from "../support/ledger-pipeline.ts";
import { isAlive } from "../support/processes.ts";
import {
  runEnded,
  runState,
  startAgent,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

async function submit(data: string, file: string, id: string): Promise<void> {
  const { code, stderr } = await troupe(["submit", file, "--data", data, "--id", id]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

describe("kill -9 of the server mid-run", () => {
  it("goes on after a restart; no finished job runs again, the running one is not disturbed", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const { file, ledger, go } = pipelineWithLedger(folder);
    const server = await startServer({ data });
    await startAgent(server, { name: "outside" });
    await submit(data, file, "r1");
    await waitUntil("slow runs", () => ledgerOf(ledger).includes("slow 1"));
    const { stdout: tree } = await troupe(["actors", "--data", data]);
    expect(tree).toMatch(/^ACTOR +STATUS +MAILBOX +RESTARTS +LAST FAILURE$/m);
    expect(tree).toMatch(/^\/scheduler +running +0 +0 *$/m);
    expect(tree).toMatch(/^\/entities\/pipeline-run\/r1 +ready +0 +0 *$/m);

    await server.kill9();
    await startServer({ data, listen: server.address });
    writeFileSync(go, "");

    const events = await runEnded(data, "r1");
    expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
    expect(ledgerOf(ledger)).toEqual(["first 1", "slow 1", "last 1"]);
    const log = await troupe(["logs", "r1", "last", "--data", data]);
    expect(log.stdout).toBe("1 1\n");
  });

  it("goes on when its agents were its own children", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const { file, ledger, go } = pipelineWithLedger(folder);
    const server = await startServer({ data, agents: 1, args: ["--lease", "2000"] });
    await submit(data, file, "r1");
    await waitUntil("slow runs", () => ledgerOf(ledger).includes("slow 1"));

    await server.kill9();
    await startServer({ data, agents: 1, args: ["--lease", "2000"] });
    writeFileSync(go, "");

    const events = await runEnded(data, "r1");
    expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
    const ran = ledgerOf(ledger);
    expect(ran.filter((line) => line.startsWith("first"))).toEqual(["first 1"]);
    expect(ran.filter((line) => line.startsWith("last"))).toHaveLength(1);
  });
});

describe("an agent is lost", () => {
  it("kill -9: its job is queued again and runs elsewhere", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const { file, ledger, go } = pipelineWithLedger(folder);
    const server = await startServer({ data, args: ["--lease", "1000"] });
    const first = await startAgent(server, { name: "first" });
    await submit(data, file, "r1");
    await waitUntil("slow runs", () => ledgerOf(ledger).includes("slow 1"));

    await first.kill9();
    await startAgent(server, { name: "second" });
    await waitUntil("slow runs again", () => ledgerOf(ledger).includes("slow 2"));
    writeFileSync(go, "");

    const events = await runEnded(data, "r1");
    expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
    expect(events.find((event) => event.job === "slow")).toMatchObject({
      attempt: 2,
      outputs: { from: "2" },
    });
    expect(ledgerOf(ledger).filter((line) => line.startsWith("first"))).toEqual(["first 1"]);
  });

  it("kill -9 after its job has ended, with no server to tell: its next start tells it, and nothing runs again", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const state = join(folder, "state");
    const { file, ledger, go } = pipelineWithLedger(folder);
    const server = await startServer({ data });
    const first = await startAgent(server, { name: "first", state });
    await submit(data, file, "r1");
    await waitUntil("slow runs", () => ledgerOf(ledger).includes("slow 1"));
    await server.kill9();
    writeFileSync(go, "");
    await waitUntil("the agent has seen its end", () => /slow#1 ended/.test(first.stderr()));
    await first.kill9();

    const again = await startServer({ data, listen: server.address });
    await startAgent(again, { name: "first", state });
    const events = await runEnded(data, "r1");
    expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
    expect(events.find((event) => event.job === "slow")).toMatchObject({
      attempt: 1,
      outputs: { from: "1" },
    });
    expect(ledgerOf(ledger).filter((line) => line.startsWith("slow"))).toEqual(["slow 1"]);
  });

  it("frozen past its lease: the old attempt's late result is refused", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const { file, ledger, go } = pipelineWithLedger(folder);
    // Longer than a busy machine keeps the second agent from its heartbeats.
    const server = await startServer({ data, args: ["--lease", "3000"] });
    const first = await startAgent(server, { name: "first" });
    await submit(data, file, "r1");
    await waitUntil("slow runs", () => ledgerOf(ledger).includes("slow 1"));

    first.signal("SIGSTOP");
    await startAgent(server, { name: "second" });
    await waitUntil("slow runs elsewhere", () => ledgerOf(ledger).includes("slow 2"));
    // Both attempts may now end; the frozen agent's result comes when it is thawed.
    writeFileSync(go, "");
    first.signal("SIGCONT");

    const events = await runEnded(data, "r1");
    expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
    expect(events.find((event) => event.job === "slow")).toMatchObject({
      attempt: 2,
      outputs: { from: "2" },
    });
    expect(ledgerOf(ledger).filter((line) => line.startsWith("last"))).toEqual(["last 1"]);
  });
});

it("cancel reaches a child that forked twice and left its session", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const pidFile = join(folder, "pid");
  const file = join(folder, "pipeline.yaml");
  writeFileSync(
    file,
    `name: daemons
jobs:
  daemon:
    kill-grace: 1s
    run: |
      setsid sh -c 'setsid sh -c "trap : TERM; echo \\$\\$ > ${pidFile}; while :; do sleep 0.2; done" &' &
      sleep 600
  after:
    finally: true
    run: echo swept
`,
  );
  await startServer({ data, agents: 1 });
  await submit(data, file, "r1");
  await waitUntil(
    "the daemon runs",
    () => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "",
  );
  const pid = Number(readFileSync(pidFile, "utf8"));

  const cancelled = await troupe(["cancel", "r1", "--data", data]);
  expect(cancelled.code).toBe(0);

  const events = await runEnded(data, "r1");
  expect(events[0]).toMatchObject({ type: "run", status: "cancelled" });
  await waitUntil("nothing of the job is left", () => !isAlive(pid));
  expect((await troupe(["logs", "r1", "after", "--data", data])).stdout).toBe("swept\n");
});

it("a run of 2,000 jobs ends well", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const file = join(folder, "wide.yaml");
  const jobs = Array.from(
    { length: 2_000 },
    (_, i) => `  j${i}:\n    run: ":"\n${i < 50 ? "" : `    needs: j${i % 50}\n`}`,
  );
  writeFileSync(file, `name: wide\njobs:\n${jobs.join("")}`);
  await startServer({ data, agents: 1, args: ["--slots", "8"] });
  await submit(data, file, "wide-1");
  const events = await runEnded(data, "wide-1", { deadlineMs: 110_000 });
  expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
  expect(events.filter((event) => event.status === "succeeded")).toHaveLength(2_001);
  expect((await runState(data, "wide-1"))[0]).toMatchObject({ status: "succeeded" });
});
