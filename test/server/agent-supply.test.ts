import { describe, expect, it } from "vitest";
import { RunStatus } from "../../proto/troupe/control/v1/control.ts";
import { waitUntil } from "../support/wait-until.ts";
import { InProcessProvider } from "./in-process-provider.ts";
import { clientOf, job, runningServer, runToEnd, submission } from "./running-server.ts";

const many = (count: number) => Array.from({ length: count }, (_, i) => job(`j${i}`));

describe("agents on demand", () => {
  it("come when something waits, and go when they have been idle", async () => {
    const provider = new InProcessProvider();
    const server = await runningServer({ provider, idleTimeoutMs: 200, slotsPerAgent: 2 });
    const client = await clientOf(server);
    expect(provider.requests).toEqual([]);
    await client.submitRun(submission("r1", many(5)));
    expect((await runToEnd(client, "r1")).summary?.status).toBe(RunStatus.SUCCEEDED);
    expect(provider.requests).toHaveLength(1);
    expect(provider.requests[0]).toMatchObject({
      serverAddress: server.agentAddress,
      slots: 2,
      labels: { from: "provider" },
    });
    const [worker] = (await client.listWorkers({})).workers;
    expect(worker).toMatchObject({
      agentName: provider.requests[0]?.agentName,
      labels: { from: "provider" },
    });
    await waitUntil("the agent is gone", () => provider.alive.size === 0);
    await waitUntil("it is cleared away", () => provider.destroyed.length === 1);
    await client.submitRun(submission("r2", many(1)));
    expect((await runToEnd(client, "r2")).summary?.status).toBe(RunStatus.SUCCEEDED);
    expect(provider.requests).toHaveLength(2);
  });

  it("come as many as are needed and allowed", async () => {
    const provider = new InProcessProvider();
    provider.work = () => undefined;
    const server = await runningServer({ provider, agentsMax: 3, slotsPerAgent: 2 });
    const client = await clientOf(server);
    await client.submitRun(submission("r1", many(3)));
    await waitUntil("two are up", () => [...provider.alive.values()].filter(Boolean).length === 2);
    await client.submitRun(submission("r2", many(50)));
    await waitUntil(
      "three are up",
      () => [...provider.alive.values()].filter(Boolean).length === 3,
    );
    expect(provider.requests).toHaveLength(3);
  });

  it("are kept warm when that is asked for", async () => {
    const provider = new InProcessProvider();
    await runningServer({ provider, agentsMin: 1 });
    await waitUntil("one is up", () => [...provider.alive.values()].filter(Boolean).length === 1);
  });

  it("do not come for jobs that they cannot run", async () => {
    const provider = new InProcessProvider();
    const server = await runningServer({ provider });
    const client = await clientOf(server);
    await client.submitRun(submission("r1", [job("a", { labels: { gpu: "yes" } })]));
    await client.submitRun(submission("r2", [job("a", { labels: { from: "provider" } })]));
    await runToEnd(client, "r2");
    expect(provider.requests).toHaveLength(1);
  });

  it("that cannot be started are tried again later, and jobs say what they wait for", async () => {
    const provider = new InProcessProvider();
    provider.sick = "the container engine does not answer";
    const server = await runningServer({ provider });
    const client = await clientOf(server);
    await client.submitRun(submission("r1", many(1)));
    const text = "no agent could be started: the container engine does not answer";
    // Also to one who has been watching since before anything went wrong.
    for await (const { change } of client.watchRun({ runId: "r1", logs: false })) {
      if (change?.$case === "job" && change.value.reason.endsWith(text)) break;
    }
    const { run } = await client.getRun({ runId: "r1" });
    expect(run?.jobs[0]?.reason).toContain(text);
    provider.sick = undefined;
    expect((await runToEnd(client, "r1")).summary?.status).toBe(RunStatus.SUCCEEDED);
  });

  it("that do not connect in time are destroyed", async () => {
    const provider = new InProcessProvider();
    provider.mute = true;
    const server = await runningServer({ provider, startTimeoutMs: 200 });
    const client = await clientOf(server);
    await client.submitRun(submission("r1", many(1)));
    await waitUntil("it is destroyed", () => provider.destroyed.length > 0);
    provider.mute = false;
    expect((await runToEnd(client, "r1")).summary?.status).toBe(RunStatus.SUCCEEDED);
  });

  it("that crash are replaced, and their jobs run again", async () => {
    const provider = new InProcessProvider();
    provider.work = () => undefined;
    const server = await runningServer({ provider, leaseMs: 300, leaseGraceMs: 50 });
    const client = await clientOf(server);
    await client.submitRun(submission("r1", many(1)));
    const first = await waitUntil("it is assigned", () => {
      const [found] = provider.alive;
      return found?.[1]?.assigned.length === 1 ? found[0] : undefined;
    });
    provider.work = undefined;
    provider.crash(first, "out of memory");
    const run = await runToEnd(client, "r1");
    expect(run.summary?.status).toBe(RunStatus.SUCCEEDED);
    expect(run.jobs[0]?.attempt).toBe(2);
    expect(provider.destroyed).toContain(first);
  });

  it("end with the server, or stay if that is asked for", async () => {
    for (const agents of ["destroy", "keep"] as const) {
      const provider = new InProcessProvider();
      const server = await runningServer({ provider, agentsMin: 1 });
      await waitUntil("one is up", () => [...provider.alive.values()].some(Boolean));
      await server.stop({ agents });
      expect(provider.alive.size).toBe(agents === "keep" ? 1 : 0);
    }
  });

  it("of an earlier server that cannot find back are destroyed at once, others after one lease", async () => {
    const orphan = (agentName: string) => ({
      agentName,
      status: "running" as const,
      startedAtMs: 0,
      where: "elsewhere",
    });
    const provider = new InProcessProvider();
    provider.orphans = [orphan("here-lost")];
    const first = await runningServer({ provider });
    expect(provider.destroyed).toEqual(["here-lost"]);
    await first.stop();

    provider.orphans = [orphan("here-away")];
    await runningServer({ provider, dataDir: first.dataDir, leaseMs: 300 });
    expect(provider.destroyed).toEqual(["here-lost"]);
    await waitUntil("its time is over", () => provider.destroyed.includes("here-away"));
  });
});
