/** The embedded journal alone: opaque records, no actors above. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { openEmbeddedJournal } from "../../src/actors/persistence/journals/index.ts";
import type { Bench } from "../suite.ts";

interface Load {
  readonly recordBytes: number;
  /** Appends in flight, each to a shard of its own. */
  readonly shards: number;
}

interface Written {
  readonly recordsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const loads: readonly Load[] = [
  { recordBytes: 20_000, shards: 16 },
  { recordBytes: 20_000, shards: 64 },
  { recordBytes: 200, shards: 1 },
  { recordBytes: 200, shards: 64 },
];

export async function journalFigures(bench: Bench): Promise<void> {
  const seconds = bench.quick ? 0.5 : 2;
  for (const load of loads) {
    const name = `embedded, ${load.recordBytes} B to ${load.shards} shards`;
    const p50: number[] = [];
    const p99: number[] = [];
    const replay: number[] = [];
    const append = { unit: "records/s", durability: "fsync" } as const;
    await bench.measure(`${name}: append`, append, () =>
      withJournal(async (journal) => {
        const written = await write(journal, load, seconds);
        p50.push(written.p50Ms);
        p99.push(written.p99Ms);
        replay.push(await readEverything(journal, load.shards));
        return written.recordsPerSecond;
      }),
    );
    // The first of each is the warm-up's.
    const latency = { unit: "ms", durability: "fsync" } as const;
    bench.record(`${name}: append, p50`, latency, { values: p50.slice(1) });
    bench.record(`${name}: append, p99`, latency, { values: p99.slice(1) });
    bench.record(`${name}: replay of all shards`, { unit: "MB/s" }, { values: replay.slice(1) });
  }
}

async function withJournal<Result>(work: (journal: Journal) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), "troupe-bench-"));
  const journal = await openEmbeddedJournal({ directory });
  try {
    return await work(journal);
  } finally {
    await journal.close();
    await rm(directory, { recursive: true });
  }
}

/** A closed loop in each shard. */
async function write(journal: Journal, load: Load, seconds: number): Promise<Written> {
  const bytes = new Uint8Array(load.recordBytes).fill(0x41);
  const latenciesMs: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  const loop = async (shard: number): Promise<void> => {
    for (let expected = 0; performance.now() < endMs; ) {
      const sentMs = performance.now();
      const [result] = await journal.append([{ shard, expected, bytes }]);
      if (result?.outcome !== "at") throw result?.cause ?? new Error("append answered nothing");
      latenciesMs.push(performance.now() - sentMs);
      expected = result.next;
    }
  };
  await Promise.all(Array.from({ length: load.shards }, (_, shard) => loop(shard)));
  const tookSeconds = (performance.now() - startMs) / 1_000;
  latenciesMs.sort((one, other) => one - other);
  const quantile = (part: number): number =>
    latenciesMs[Math.floor(latenciesMs.length * part)] ?? Number.NaN;
  const recordsPerSecond = latenciesMs.length / tookSeconds;
  return { recordsPerSecond, p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}

/** Megabytes per second, from files that the kernel still has in memory. */
async function readEverything(journal: Journal, shards: number): Promise<number> {
  const startMs = performance.now();
  const readShard = async (shard: number): Promise<number> => {
    let bytes = 0;
    for (let position = 0; ; ) {
      const page = await journal.read(shard, position, 1 << 20);
      if (page.records.length === 0) return bytes;
      for (const record of page.records) bytes += record.bytes.byteLength;
      position = page.next;
    }
  };
  const read = await Promise.all(Array.from({ length: shards }, (_, shard) => readShard(shard)));
  const bytes = read.reduce((sum, one) => sum + one, 0);
  return bytes / 1_000 / (performance.now() - startMs);
}
