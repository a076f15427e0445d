/** A thousand agents on one server: what they cost at rest, how they come back, how an attempt finds one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { definePipeline } from "../../src/actors/pipelines/index.ts";
import { type ControlClient, connectControl } from "../../src/server/index.ts";
import type { Bench } from "../suite.ts";
import { Child, type ProcessCost } from "./children.ts";
import { percentile } from "./percentile.ts";

const hosts = 2;

export async function fleetFigures(bench: Bench): Promise<void> {
  const count = bench.quick ? 100 : 1_000;
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const dataDir = join(folder, "data");
  let server = new Child("server-process");
  const agents = Array.from({ length: hosts }, () => new Child("agents-process"));
  try {
    const address = await server.start({ dataDir, listen: "127.0.0.1:0" });
    let client = await connectControl({ dataDir });
    const empty = { server: await server.cost(), agents: await costOf(agents) };
    await startAgents(client, { agents, address, folder, count });
    await connected(client, count);
    await idle(bench, { server, agents, count, empty });
    await assignments(bench, client, agents);
    client.close();

    const killedMs = performance.now();
    await server.kill();
    server = new Child("server-process");
    await server.start({ dataDir, listen: address });
    client = await connectControl({ dataDir });
    await connected(client, count);
    const backMs = performance.now() - killedMs;
    client.close();
    bench.record(
      `kill -9 of the server until all ${count} agents are back`,
      { unit: "ms", durability: "fsync" },
      { values: [backMs] },
    );
  } finally {
    await Promise.all([server.kill(), ...agents.map((host) => host.kill())]);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function startAgents(
  client: ControlClient,
  of: { agents: readonly Child[]; address: string; folder: string; count: number },
): Promise<void> {
  const each = of.count / of.agents.length;
  await Promise.all(
    of.agents.map(async (host, index) => {
      const names = Array.from({ length: each }, (_, n) => `agent-${index}-${n}`);
      const tokens: string[] = [];
      for (let n = 0; n < each; n++) {
        tokens.push((await client.createToken({ ttlMs: 3_600_000, labels: {} })).token);
      }
      await host.start({ server: of.address, folder: of.folder, names, tokens, slots: 1 });
    }),
  );
}

/** Seen by this process of the server. To list a thousand is work: asked more often it would be what is measured. */
async function connected(client: ControlClient, count: number): Promise<void> {
  for (;;) {
    const { workers } = await client.listWorkers({});
    if (workers.filter(({ lastSeenAtMs }) => lastSeenAtMs > 0).length >= count) return;
    await pause(250);
  }
}

async function idle(
  bench: Bench,
  of: {
    server: Child;
    agents: readonly Child[];
    count: number;
    empty: { server: ProcessCost; agents: ProcessCost };
  },
): Promise<void> {
  const watchMs = bench.quick ? 3_000 : 30_000;
  // What connecting has left behind is collected before it is counted.
  await of.server.cost();
  await costOf(of.agents);
  const before = { server: await of.server.cost(), agents: await costOf(of.agents) };
  await pause(watchMs);
  const after = { server: await of.server.cost(), agents: await costOf(of.agents) };
  for (const side of ["server", "agents"] as const) {
    const where = side === "server" ? "at the server" : "in the agents' process";
    const bytes = (after[side].rssBytes - of.empty[side].rssBytes) / of.count;
    bench.record(
      `memory of an idle agent ${where}, ${of.count} connected`,
      { unit: "kB" },
      { values: [bytes / 1_000] },
    );
    const cpuMs = after[side].cpuMs - before[side].cpuMs;
    bench.record(
      `CPU of an idle agent ${where}, ${of.count} connected`,
      { unit: "µs per s" },
      { values: [(cpuMs * 1_000) / (watchMs / 1_000) / of.count] },
    );
  }
}

/** From the intended time of the submit until an agent has the attempt. */
async function assignments(
  bench: Bench,
  client: ControlClient,
  agents: readonly Child[],
): Promise<void> {
  const runs = bench.quick ? 40 : 500;
  const everyMs = 100;
  const pipelineJson = JSON.stringify(
    definePipeline("one", {}, (pipeline) => {
      // Its agent finds no shell, so no process of a job takes the time of what is measured.
      pipeline.job("job", { run: ":", env: { PATH: "/nowhere" } });
      return {};
    }).definition,
  );
  const intended = new Map<string, number>();
  const submits: Promise<unknown>[] = [];
  const beginMs = performance.timeOrigin + performance.now();
  for (let n = 0; n < runs; n++) {
    const atMs = beginMs + n * everyMs;
    await pause(Math.max(0, atMs - (performance.timeOrigin + performance.now())));
    const runId = `assign-${n}`;
    intended.set(`${runId}/job#1`, atMs);
    submits.push(client.submitRun({ runId, pipelineJson, parameters: {}, priority: 0 }));
  }
  await Promise.all(submits);
  const arrived = () => agents.flatMap(({ begins }) => begins);
  while (arrived().length < runs) await pause(20);
  const tookMs = arrived().map(({ attempt, atMs }) => atMs - (intended.get(attempt) ?? Number.NaN));
  tookMs.sort((a, b) => a - b);
  bench.record(
    "submit to assignment at the agent, 10 runs per s",
    { unit: "ms", durability: "fsync" },
    { values: tookMs },
  );
  bench.state("submit to assignment at the agent, p99 in ms", percentile(tookMs, 0.99));
}

async function costOf(agents: readonly Child[]): Promise<ProcessCost> {
  const costs = await Promise.all(agents.map((host) => host.cost()));
  return costs.reduce((sum, { rssBytes, cpuMs }) => ({
    rssBytes: sum.rssBytes + rssBytes,
    cpuMs: sum.cpuMs + cpuMs,
  }));
}
