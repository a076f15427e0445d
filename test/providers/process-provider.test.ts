import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { processProvider } from "../../src/providers/process/index.ts";
import { listProcesses, startOf, withDescendants } from "../../src/providers/process/processes.ts";
import { temporaryFolder } from "../agent/support/folder.ts";
import { isAlive } from "../agent/support/job.ts";
import { waitUntil } from "../support/wait-until.ts";

const systemId = "system-1";

/** A process that stands for an agent: started with these marks, and killed with the test. */
async function stranger(environment: Record<string, string>): Promise<number> {
  const child = spawn("sleep", ["300"], { env: { PATH: process.env["PATH"], ...environment } });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  await waitUntil("the process", () => startOf(child.pid as number) !== undefined);
  return child.pid as number;
}

function record(stateDir: string, changes: Record<string, unknown>): void {
  mkdirSync(join(stateDir, "agent-a"), { recursive: true });
  const known = { agentName: "agent-a", systemId, pid: 0, startedAt: 0, startedAtMs: 1 };
  writeFileSync(join(stateDir, "agent-a", "agent.json"), JSON.stringify({ ...known, ...changes }));
}

describe("the process provider after a crash", () => {
  test("does not take a stranger with a recycled number for its agent", async () => {
    const stateDir = temporaryFolder();
    const pid = await stranger({});
    record(stateDir, { pid, startedAt: (startOf(pid) as number) - 1 });
    const provider = processProvider({ stateDir });
    expect(await provider.list(systemId)).toMatchObject([{ status: "gone" }]);
    await provider.destroy("agent-a");
    expect(isAlive(pid)).toBe(true);
    expect(await provider.list(systemId)).toEqual([]);
  });

  test("finds an agent by its marks when it died before it could record its number", async () => {
    const stateDir = temporaryFolder();
    const marks = { TROUPE_SYSTEM_ID: systemId, TROUPE_AGENT_NAME: "agent-a" };
    const pid = await stranger(marks);
    const other = await stranger({ ...marks, TROUPE_SYSTEM_ID: "system-2" });
    record(stateDir, {});
    const provider = processProvider({ stateDir, killGraceMs: 1_000 });
    expect(await provider.list(systemId)).toMatchObject([
      { agentName: "agent-a", status: "running", where: `pid ${pid}` },
    ]);
    await provider.destroy("agent-a");
    expect(isAlive(pid)).toBe(false);
    expect(isAlive(other)).toBe(true);
  });

  test("ends jobs whose agent is dead, by the marks they carry", async () => {
    const stateDir = temporaryFolder();
    const pid = await stranger({
      TROUPE_SYSTEM_ID: systemId,
      TROUPE_AGENT_NAME: "agent-a",
      TROUPE_ATTEMPT_ID: "x.build-1",
    });
    record(stateDir, {});
    const provider = processProvider({ stateDir });
    expect(await provider.list(systemId)).toMatchObject([{ status: "gone" }]);
    await provider.destroy("agent-a");
    expect(isAlive(pid)).toBe(false);
  });

  test("a damaged or foreign folder hides nothing else", async () => {
    const stateDir = temporaryFolder();
    mkdirSync(join(stateDir, "damaged"));
    writeFileSync(join(stateDir, "damaged", "agent.json"), "{");
    mkdirSync(join(stateDir, "not an agent"));
    record(stateDir, {});
    const found = await processProvider({ stateDir }).list(systemId);
    expect(found).toMatchObject([{ agentName: "agent-a", status: "gone" }]);
  });
});

describe("processes", () => {
  test("are listed with parents and environments", async () => {
    const pid = await stranger({ MARK: "yes" });
    const entry = listProcesses().find((one) => one.pid === pid);
    expect(entry).toMatchObject({ parentPid: process.pid, startedAt: startOf(pid) });
    expect(entry?.environment).toContain("MARK=yes");
    expect(startOf(2 ** 22 + 1)).toBeUndefined();
  });

  test("descendants are found through any number of parents, this process never", () => {
    const entry = (pid: number, parentPid: number) => ({
      pid,
      parentPid,
      startedAt: 1,
      environment: [],
    });
    const all = [entry(5, 4), entry(4, 3), entry(3, 1), entry(9, 1), entry(process.pid, 5)];
    const found = withDescendants(all, ({ pid }) => pid === 3);
    expect(found.map(({ pid }) => pid).sort()).toEqual([3, 4, 5]);
  });
});

test("an agent gets none of the server's own environment", async () => {
  process.env["SERVER_SECRET"] = "canary";
  onTestFinished(() => {
    delete process.env["SERVER_SECRET"];
  });
  const provider = processProvider({ stateDir: temporaryFolder(), killGraceMs: 1_000 });
  onTestFinished(() => provider.destroy("agent-a"));
  const { where } = await provider.provision({
    agentName: "agent-a",
    serverAddress: "127.0.0.1:9",
    token: "t",
    labels: {},
    slots: 1,
    systemId,
  });
  const environment = readFileSync(`/proc/${where.replace("pid ", "")}/environ`, "utf8");
  const names = environment.split("\0").map((entry) => entry.split("=")[0]);
  expect(names).toContain("TROUPE_AGENT_NAME");
  expect(environment).not.toContain("canary");
});
