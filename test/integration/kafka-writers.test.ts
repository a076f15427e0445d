/**
 * Two processes that write the same shards of one Kafka. They depose each other while leaders move, one of them is
 * frozen and thawed after its deposition, and one is killed. Every reader sees one history, and all that was acknowledged.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { afterEach, expect, test } from "vitest";
import { isTroupeError } from "../../src/actors/kernel/index.ts";
import { readEvents } from "../../src/actors/persistence/event-codec.ts";
import { FrameReader } from "../../src/actors/persistence/frame.ts";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { openKafkaJournal } from "../../src/actors/persistence/journals/index.ts";
import { advance, EMPTY_LOG, judge, provesLoss } from "../../src/actors/persistence/replay-rule.ts";
import { copiesInSync } from "../support/in-sync-copies.ts";
import { kafkaCluster } from "../support/kafka.ts";
import { waitUntil } from "../support/wait-until.ts";

const shards = 2;
const program = fileURLToPath(new URL("support/racing-writer.ts", import.meta.url));
const cluster = kafkaCluster(3);
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

/** What callers were told, by all writers together. */
const acked = new Map<string, string>();
const refused = new Set<string>();

class Writer {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  acks = 0;

  constructor(brokers: string, topic: string, name: string) {
    const args = ["--import", "tsx", program, brokers, topic, String(shards), name];
    this.#child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    running.add(this.#child);
    const lines = createInterface({ input: this.#child.stdout ?? process.stdin });
    lines.on("line", (line) => this.#take(line));
    this.#gone = new Promise((resolve) => lines.once("close", resolve));
  }

  #take(line: string): void {
    const [word, ...rest] = line.split(" ");
    if (word === "refused") refused.add(rest[0] as string);
    if (word !== "acked") return;
    const [shard, number, text] = rest;
    acked.set(text as string, `${shard}:${number}`);
    this.acks += 1;
  }

  async writes(count: number): Promise<void> {
    const target = this.acks + count;
    await waitUntil(`${count} more commits are confirmed`, () => this.acks >= target, {
      deadlineMs: 120_000,
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#gone;
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#gone;
  }
}

/** Part of kafkajs that its types leave out. */
interface Reassigning {
  alterPartitionReassignments(request: {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitionAssignment: readonly {
        readonly partition: number;
        readonly replicas: readonly number[];
      }[];
    }[];
  }): Promise<void>;
}

/** Takes the leader of every partition away from it, while it lives. */
async function moveLeaders(topic: string): Promise<void> {
  const brokers = cluster.current().address.split(",");
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const before = await leadersOf(admin, topic);
    const partitionAssignment = before.map(({ partitionId, leader, replicas }) => ({
      partition: partitionId,
      replicas: replicas.filter((node) => node !== leader),
    }));
    await (admin as Admin & Reassigning).alterPartitionReassignments({
      topics: [{ topic, partitionAssignment }],
    });
    await waitUntil(
      "every partition has another leader",
      async () => {
        const now = await leadersOf(admin, topic);
        return now.every(({ leader }, index) => leader >= 0 && leader !== before[index]?.leader);
      },
      { everyMs: 100 },
    );
  } finally {
    await admin.disconnect();
  }
}

async function leadersOf(admin: Admin, topic: string) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics.flatMap((one) => one.partitions);
  return partitions.toSorted((one, other) => one.partitionId - other.partitionId);
}

/** The history of a shard as any reader sees it: `number text`, and whose claims counted. */
async function historyOf(journal: Journal, shard: number) {
  const reader = new FrameReader(journal.journalId, shard);
  const texts: string[] = [];
  const owners: string[] = [];
  let state = EMPTY_LOG;
  for (let at = 0; ; ) {
    // Its leader has moved since this process last asked.
    const page = await waitUntil("the log can be read", () =>
      journal.read(shard, at, 1 << 20).catch((error: unknown) => {
        if (isTroupeError(error, "TROUPE_JOURNAL_UNAVAILABLE")) return undefined;
        throw error;
      }),
    );
    if (page.records.length === 0) return { texts, owners };
    at = page.next;
    for (const { bytes, position } of page.records) {
      const frame = reader.read(bytes);
      if (typeof frame === "string") throw new Error(`shard ${shard}, ${position}: ${frame}`);
      const verdict = judge(state, frame);
      if (verdict !== "accept") {
        expect(provesLoss(verdict), `shard ${shard}, ${position}: ${verdict}`).toBe(false);
        continue;
      }
      state = advance(state, frame);
      if (frame.kind === "claim") owners.push(frame.node);
      if (frame.kind !== "data") continue;
      for (const { sequenceNumber, payload } of readEvents(frame, position)) {
        expect(sequenceNumber).toBe(texts.length + 1);
        texts.push(Buffer.from(payload).toString());
      }
    }
  }
}

test("two writers race: one history, nothing acknowledged is lost, nothing counts twice", async () => {
  const topic = `journal-${randomUUID()}`;
  const { address } = cluster.current();
  const journal = await openKafkaJournal({ brokers: address.split(","), topic, shards });
  await copiesInSync(address.split(","), topic);

  const [one, other] = [new Writer(address, topic, "one"), new Writer(address, topic, "other")];
  await Promise.all([one.writes(40), other.writes(40)]);

  await moveLeaders(topic);
  await Promise.all([one.writes(40), other.writes(40)]);

  // Frozen in the middle of whatever it does, and thawed when the other one has taken its shards.
  one.signal("SIGSTOP");
  await other.writes(50);
  one.signal("SIGCONT");
  await Promise.all([one.writes(40), other.writes(40)]);

  await other.kill();
  await one.writes(50);
  await one.end();

  let changes = 0;
  const counted = new Map<string, string>();
  for (let shard = 0; shard < shards; shard++) {
    const { texts, owners } = await historyOf(journal, shard);
    for (const [index, text] of texts.entries()) {
      expect(counted.has(text), `${text} counts twice`).toBe(false);
      counted.set(text, `${shard}:${index + 1}`);
    }
    changes += owners.filter((owner, index) => index > 0 && owner !== owners[index - 1]).length;
  }
  await journal.close();
  for (const [text, place] of acked) expect(counted.get(text), text).toBe(place);
  for (const text of refused) expect(counted.has(text), `${text} was refused`).toBe(false);
  console.log(`${acked.size} acknowledged; the shards changed hands ${changes} times`);
  expect(changes).toBeGreaterThan(5);
});
