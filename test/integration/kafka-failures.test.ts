/**
 * Three real brokers, of which leaders are killed, frozen and thawed under load. What was
 * confirmed stays where it was confirmed, and a leader that does not answer is left as soon as
 * the cluster has another.
 */
import { randomUUID } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { KafkaNode } from "../../scripts/services/kafka.mjs";
import type { Journal, Position } from "../../src/actors/persistence/journal.ts";
import { openKafkaJournal } from "../../src/actors/persistence/journals/index.ts";
import { copiesInSync } from "../support/in-sync-copies.ts";
import { kafkaCluster } from "../support/kafka.ts";
import { waitUntil } from "../support/wait-until.ts";

const shards = 6;
/** As the cluster of `scripts/services` has it. */
const sessionTimeoutMs = 3_000;
/** The time that the cluster needs for its election on a busy machine, and the way to the new leader. */
const graceMs = 4_000;

const cluster = kafkaCluster(3);

/** All copies are made up to date: the next broker may go. */
async function healed(topic: string): Promise<void> {
  await cluster.current().ready();
  await copiesInSync(cluster.current().address.split(","), topic);
}
const open = new Set<Journal>();
const loads = new Set<Load>();

afterEach(async () => {
  for (const load of loads) void load.end();
  loads.clear();
  await Promise.all([...open].map((journal) => journal.close()));
  open.clear();
  for (const node of cluster.current().nodes) {
    if (!node.isRunning()) node.start();
    node.thaw();
  }
  await cluster.current().ready();
});

async function openJournal(topic: string): Promise<Journal> {
  const brokers = cluster.current().address.split(",");
  const journal = await openKafkaJournal({ brokers, topic, shards });
  open.add(journal);
  return journal;
}

/** Appends to every shard as fast as it can; what is uncertain is sent again, as an owner does. */
class Load {
  readonly #journal: Journal;
  readonly confirmed: { readonly shard: number; readonly at: Position; readonly text: string }[] =
    [];
  /** When each shard was last confirmed. */
  readonly lastMs: number[] = Array.from({ length: shards }, () => performance.now());
  readonly longestGapMs: number[] = Array.from({ length: shards }, () => 0);
  uncertain = 0;
  #isEnding = false;
  readonly #loops: Promise<unknown>;

  constructor(journal: Journal) {
    this.#journal = journal;
    loads.add(this);
    this.#loops = Promise.all(Array.from({ length: shards }, (_, shard) => this.#loop(shard)));
  }

  async #loop(shard: number): Promise<void> {
    let expected = 0;
    for (let number = 0; !this.#isEnding; ) {
      const text = `${shard}-${number}`;
      const [result] = await this.#journal.append([{ shard, expected, bytes: Buffer.from(text) }]);
      if (result?.outcome === "refused" && !this.#isEnding) throw result.cause;
      if (result?.outcome !== "at") {
        this.uncertain++;
        continue;
      }
      const nowMs = performance.now();
      const gapMs = nowMs - (this.lastMs[shard] ?? nowMs);
      this.longestGapMs[shard] = Math.max(this.longestGapMs[shard] ?? 0, gapMs);
      this.lastMs[shard] = nowMs;
      this.confirmed.push({ shard, at: result.at, text });
      expected = result.next;
      number++;
    }
  }

  async moves(): Promise<void> {
    const before = [...this.lastMs];
    await waitUntil(
      "every shard confirms appends",
      () => this.lastMs.every((last, shard) => last > (before[shard] ?? 0)),
      { deadlineMs: 30_000 },
    );
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#loops;
  }
}

async function everythingConfirmedIsThere(journal: Journal, { confirmed }: Load): Promise<void> {
  const found = new Map<string, string>();
  for (let shard = 0; shard < shards; shard++) {
    for (let position = 0; ; ) {
      const page = await journal.read(shard, position, 1 << 20);
      if (page.records.length === 0) break;
      for (const { position: at, bytes } of page.records) {
        found.set(`${shard}@${at}`, Buffer.from(bytes).toString());
      }
      position = page.next;
    }
  }
  for (const { shard, at, text } of confirmed) expect(found.get(`${shard}@${at}`)).toBe(text);
}

const victims: readonly [string, (node: KafkaNode) => unknown][] = [
  ["killed", (node) => node.kill()],
  ["frozen", (node) => node.freeze()],
];

test.each(victims)(
  "each broker in turn is %s: its shards go on with another leader",
  async (_, harm) => {
    const topic = `journal-${randomUUID()}`;
    const journal = await openJournal(topic);
    const load = new Load(journal);
    await load.moves();
    for (const node of cluster.current().nodes) {
      await harm(node);
      await load.moves();
      if (!node.isRunning()) node.start();
      node.thaw();
      await healed(topic);
      await load.moves();
    }
    await load.end();
    expect(load.uncertain).toBeGreaterThan(0);
    const longestMs = Math.max(...load.longestGapMs);
    console.log(
      `longest silence of a shard: ${Math.round(longestMs)} ms; uncertain: ${load.uncertain}`,
    );
    expect(longestMs).toBeLessThan(sessionTimeoutMs + graceMs);
    await everythingConfirmedIsThere(await openJournal(topic), load);
  },
  240_000,
);

test("too few copies: nothing is confirmed until there are enough again", async () => {
  const journal = await openJournal(`journal-${randomUUID()}`);
  const load = new Load(journal);
  await load.moves();
  const [first, ...others] = cluster.current().nodes;
  await Promise.all(others.map((node) => node.kill()));
  // The one that is left may not even be the leader; nothing can be written to two copies.
  const marks = [...load.lastMs];
  await waitUntil("appends fail", () => load.uncertain > 20, { deadlineMs: 60_000 });
  expect(first?.isRunning()).toBe(true);
  const moved = load.lastMs.filter((last, shard) => last > (marks[shard] ?? 0) + 1_000);
  expect(moved).toEqual([]);
  for (const node of others) node.start();
  await cluster.current().ready();
  await load.moves();
  await load.end();
  await everythingConfirmedIsThere(journal, load);
}, 240_000);
