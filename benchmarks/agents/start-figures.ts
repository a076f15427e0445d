/**
 * What a job's start costs on one warm agent: from its assignment to the first statement of its script,
 * which tells its own time. Half load is half of the jobs per second that the same line can take.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { definePipeline } from "../../src/actors/pipelines/index.ts";
import { type ControlClient, connectControl } from "../../src/server/index.ts";
import type { Bench } from "../suite.ts";
import { Child } from "./children.ts";
import { percentile } from "./percentile.ts";

const slots = 4;
const startMsMax = 10;

export async function startFigures(bench: Bench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
  const dataDir = join(folder, "data");
  const server = new Child("server-process");
  const host = new Child("agents-process");
  try {
    const address = await server.start({ dataDir, listen: "127.0.0.1:0" });
    const client = await connectControl({ dataDir });
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    const names = ["warm"];
    const startedMs = performance.now();
    await host.start({ server: address, folder, names, tokens: [token], slots });
    bench.record(
      "an agent's start in a process that is up, until it is welcome",
      { unit: "ms", durability: "fsync" },
      { values: [performance.now() - startedMs] },
    );
    const perSecond = await capacity(bench, client);
    await atHalfLoad(bench, { client, host, perSecond });
    client.close();
  } finally {
    await Promise.all([server.kill(), host.kill()]);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Jobs per second of one run that keeps all slots busy. */
async function capacity(bench: Bench, client: ControlClient): Promise<number> {
  const jobs = bench.quick ? 60 : 400;
  const figure = await bench.measure(
    `jobs that tell the time, ${slots} slots, as many as it takes`,
    { unit: "jobs per s", durability: "fsync", runs: 2 },
    async () => {
      const startedMs = performance.now();
      const { runId } = await client.submitRun(request("", jobs));
      await ended(client, runId);
      return (jobs * 1_000) / (performance.now() - startedMs);
    },
  );
  return figure.value;
}

async function atHalfLoad(
  bench: Bench,
  of: { client: ControlClient; host: Child; perSecond: number },
): Promise<void> {
  const runs = bench.quick ? 80 : 1_000;
  const everyMs = 2_000 / of.perSecond;
  const intended = new Map<string, number>();
  const submits: Promise<unknown>[] = [];
  const beginMs = performance.timeOrigin + performance.now();
  for (let n = 0; n < runs; n++) {
    const atMs = beginMs + n * everyMs;
    await pause(Math.max(0, atMs - (performance.timeOrigin + performance.now())));
    const runId = `half-${n}`;
    intended.set(runId, atMs);
    submits.push(of.client.submitRun(request(runId, 1)));
  }
  await Promise.all(submits);
  const arrivedMs = (runId: string) =>
    of.host.begins.find(({ attempt }) => attempt === `${runId}/job-0#1`)?.atMs ?? Number.NaN;
  const started: number[] = [];
  const whole: number[] = [];
  for (const [runId, intendedMs] of intended) {
    await ended(of.client, runId);
    const toldMs = await toldTimeMs(of.client, runId);
    started.push(toldMs - arrivedMs(runId));
    whole.push(toldMs - intendedMs);
  }
  for (const [name, values] of [
    ["assignment at a warm agent to the script's first statement, half load", started],
    ["submit to the script's first statement, half load", whole],
  ] as const) {
    values.sort((a, b) => a - b);
    bench.record(name, { unit: "ms", durability: "fsync" }, { values });
    const target = values === started ? { atMost: startMsMax } : undefined;
    bench.state(`${name}, p99 in ms`, percentile(values, 0.99), target);
  }
}

function request(runId: string, jobs: number) {
  const { definition } = definePipeline("times", {}, (pipeline) => {
    for (let n = 0; n < jobs; n++) {
      // A builtin: no process of its own.
      pipeline.job(`job-${n}`, { shell: "bash", run: 'echo "$EPOCHREALTIME"' });
    }
    return {};
  });
  return { runId, pipelineJson: JSON.stringify(definition), parameters: {}, priority: 0 };
}

async function ended(client: ControlClient, runId: string): Promise<void> {
  for await (const { change } of client.watchRun({ runId, logs: false })) {
    // Read to its end: the stream closes when the run has ended.
    if (change === undefined) return;
  }
}

async function toldTimeMs(client: ControlClient, runId: string): Promise<number> {
  let text = "";
  const log = { runId, job: "job-0", attempt: 1, offset: 0, follow: false };
  for await (const { data } of client.readLog(log)) text += data.toString();
  return Number(text.trim().replace(",", ".")) * 1_000;
}
