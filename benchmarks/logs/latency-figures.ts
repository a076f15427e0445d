/**
 * How long a line takes from the job's `printf` to those who follow the log: at a trickle, and in the middle
 * of a flood; for one follower, and for a thousand on ten connections. A line says when it was printed, by the
 * clock of the same machine.
 */
import { once, setMaxListeners } from "node:events";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import type { ControlClient } from "../../src/server/index.ts";
import type { Bench } from "../suite.ts";
import type { Line } from "./line.ts";
import { lineBytes } from "./ways.ts";

const connections = 10;
const stamp = /@(\d+\.\d+)@/g;

export async function latencyFigures(bench: Bench, line: Line): Promise<void> {
  const seconds = bench.quick ? 2 : 20;
  const one = await followed(line, { script: trickle(seconds), shell: "bash", followers: 1 });
  record(bench, "trickle of 10 lines/s, 1 follower", one.tookMs);
  bench.state("trickle, 1 follower: p99 in ms", percentile(one.tookMs, 0.99), { atMost: 100 });

  const thousand = bench.quick ? 200 : 1_000;
  const many = await followed(line, {
    script: trickle(seconds),
    shell: "bash",
    followers: thousand,
  });
  record(bench, `trickle of 10 lines/s, ${thousand} followers`, many.tookMs);

  const megabytes = bench.quick ? 10 : 200;
  const flood = { script: flooding(megabytes), shell: "node" } as const;
  const alone = await followed(line, { ...flood, followers: 1 });
  record(bench, `flood of ${megabytes} MB, 1 follower`, alone.tookMs);
  // By turns, as the machine has its moods. A follower that reads nothing must cost the writer nothing.
  const ratios: number[] = [];
  for (let round = 0; round < 3; round++) {
    const unreadMs = await heldFlood(line, megabytes, 0);
    ratios.push((await heldFlood(line, megabytes, thousand)) / unreadMs);
  }
  bench.state(
    `flood: time with ${thousand} followers that do not read / with none`,
    percentile(ratios, 0.5),
  );
}

/**
 * The flood comes when all followers have read the first line and stand still: what it costs to open a thousand streams
 * is not the flood's. From the word to go to the end of the job.
 */
async function heldFlood(line: Line, megabytes: number, followers: number): Promise<number> {
  const gate = line.file("gate");
  rmSync(gate, { force: true });
  const clients = await Promise.all(
    Array.from({ length: Math.min(followers, connections) }, () => line.connect()),
  );
  const leave = new AbortController();
  setMaxListeners(0, leave.signal);
  const runId = await line.submit(`${waiting(gate)}\n${flooding(megabytes)}`, "node");
  let begun = 0;
  const reading = Array.from({ length: Math.max(1, followers) }, async (_, n) => {
    const client = clients[n % clients.length] ?? line.client;
    const request = { runId, job: "print", attempt: 0, offset: 0, follow: true };
    for await (const _piece of client.readLog(request, leave.signal)) {
      if (++begun >= followers) writeFileSync(gate, "");
      if (followers > 0 && !leave.signal.aborted) await once(leave.signal, "abort");
      return;
    }
  });
  const endedMs = line.ended(runId);
  await waitForFile(gate);
  const goAtMs = performance.now();
  await endedMs;
  const tookMs = performance.now() - goAtMs;
  leave.abort();
  await Promise.all(reading);
  for (const client of clients) client.close();
  return tookMs;
}

async function waitForFile(path: string): Promise<void> {
  while (!existsSync(path)) await setTimeout(2);
}

/** Prints one line, and goes on when the file is there. */
function waiting(gate: string): string {
  return [
    'require("node:fs").writeSync(1, "here\\n");',
    `while (!require("node:fs").existsSync(${JSON.stringify(gate)}))`,
    "  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);",
  ].join("\n");
}

interface Followed {
  readonly script: string;
  readonly shell: "bash" | "node";
  readonly followers: number;
}

async function followed(
  line: Line,
  { script, shell, followers }: Followed,
): Promise<{ readonly tookMs: number[] }> {
  const clients = await Promise.all(
    Array.from({ length: Math.min(followers, connections) }, () => line.connect()),
  );
  const tookMs: number[] = [];
  const leave = new AbortController();
  setMaxListeners(0, leave.signal);
  const runId = await line.submit(script, shell);
  const reading = Array.from({ length: followers }, async (_, n) => {
    const client = clients[n % clients.length] as ControlClient;
    const request = { runId, job: "print", attempt: 0, offset: 0, follow: true };
    for await (const { data } of client.readLog(request, leave.signal)) {
      const nowMs = Date.now();
      for (const [, seconds] of data.toString("latin1").matchAll(stamp)) {
        tookMs.push(nowMs - Number(seconds) * 1_000);
      }
    }
  });
  await line.ended(runId);
  await Promise.all(reading);
  for (const client of clients) client.close();
  return { tookMs };
}

/** bash knows the time without starting a process for it. */
function trickle(seconds: number): string {
  return `for n in $(seq ${seconds * 10}); do printf 'line %s @%s@\\n' $n $EPOCHREALTIME; sleep 0.1; done`;
}

/** A stamped line before every MiB of plain ones. */
function flooding(megabytes: number): string {
  return [
    'const { writeSync } = require("node:fs");',
    `const lines = Buffer.alloc(1_000_000, "${"x".repeat(lineBytes - 1)}\\n");`,
    `for (let n = 0; n < ${megabytes}; n++) {`,
    "  write(Buffer.from(`@${(Date.now() / 1000).toFixed(3)}@\\n`));",
    "  write(lines);",
    "}",
    "function write(bytes) { for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at); }",
  ].join("\n");
}

function record(bench: Bench, name: string, tookMs: readonly number[]): void {
  for (const [percent, at] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    const value = percentile(tookMs, at);
    const options = { unit: "ms", durability: "process" } as const;
    bench.record(`${name}: printed to followed, ${percent} of ${tookMs.length}`, options, {
      values: [value],
    });
  }
}

function percentile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}
