/**
 * The whole line, real at every point: server, embedded journal with fsync, one warm agent process
 * over gRPC, real job processes. What a no-op job costs beyond starting its process, and how long a
 * person waits from the submit to the first byte of a log.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PipelineDefinition } from "../../src/actors/pipelines/index.ts";
import { definePipeline } from "../../src/actors/pipelines/index.ts";
import { processProvider } from "../../src/providers/process/index.ts";
import { type ControlClient, connectControl, startServer } from "../../src/server/index.ts";
import type { Bench } from "../suite.ts";

const slots = 2;

export async function lineFigures(bench: Bench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const server = await startServer({
    dataDir: folder,
    provider: processProvider({ stateDir: join(folder, "agents") }),
    agentsMin: 1,
    agentsMax: 1,
    slotsPerAgent: slots,
  });
  const client = await connectControl({ dataDir: folder });
  try {
    await runToTheEnd(client, noOps(2));
    await overheadPerJob(bench, client);
    await firstByte(bench, client);
  } finally {
    client.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function overheadPerJob(bench: Bench, client: ControlClient): Promise<void> {
  const jobs = bench.quick ? 100 : 500;
  const definition = noOps(jobs);
  const unit = "ms per job";
  const bare = await bench.measure(
    `start a no-op process, ${slots} at once`,
    { unit, runs: 3 },
    async () => (await timed(() => processesOnly(jobs))) / jobs,
  );
  const ours = await bench.measure(
    `no-op job through the whole line, ${slots} slots`,
    { unit, runs: 3, durability: "fsync" },
    async () => (await timed(() => runToTheEnd(client, definition))) / jobs,
  );
  bench.state("scheduler overhead per no-op job, ms", ours.value - bare.value);
}

async function firstByte(bench: Bench, client: ControlClient): Promise<void> {
  const rounds = bench.quick ? 20 : 100;
  const definition = hello();
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now();
    const { runId } = await submit(client, definition);
    for await (const { change } of client.watchRun({ runId, logs: true })) {
      if (change?.$case === "log") {
        tookMs.push(performance.now() - startedMs);
        break;
      }
    }
    await runEnded(client, runId);
  }
  tookMs.sort((a, b) => a - b);
  bench.record(
    "submit to first log byte at the watcher, warm agent",
    { unit: "ms", durability: "fsync" },
    { values: tookMs },
  );
  const p99 = tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * 0.99))] ?? Number.NaN;
  bench.state("submit to first log byte, p99 in ms", p99);
}

function noOps(count: number): PipelineDefinition {
  return definePipeline("no-ops", {}, (pipeline) => {
    for (let i = 0; i < count; i++) pipeline.job(`job-${i}`, { run: ":" });
    return {};
  }).definition;
}

function hello(): PipelineDefinition {
  return definePipeline("hello", {}, (pipeline) => {
    pipeline.job("hello", { run: "echo hello" });
    return {};
  }).definition;
}

async function processesOnly(count: number): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      await once(spawn("sh", ["-c", ":"], { stdio: "ignore", detached: true }), "exit");
    }
  };
  await Promise.all(Array.from({ length: slots }, lane));
}

async function runToTheEnd(client: ControlClient, definition: PipelineDefinition): Promise<void> {
  const { runId } = await submit(client, definition);
  await runEnded(client, runId);
}

function submit(
  client: ControlClient,
  definition: PipelineDefinition,
): Promise<{ readonly runId: string }> {
  const pipelineJson = JSON.stringify(definition);
  return client.submitRun({ runId: "", pipelineJson, parameters: {}, priority: 0 });
}

async function runEnded(client: ControlClient, runId: string): Promise<void> {
  for await (const { change } of client.watchRun({ runId, logs: false })) {
    // Read to its end: the stream closes when the run has ended.
    if (change === undefined) return;
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
