/**
 * Three real brokers under load, of which leaders are killed, frozen and thawed. What was confirmed stays where it was
 * confirmed, and a leader that does not answer is left as soon as the cluster has another.
 */
import { randomUUID } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { KafkaNode } from "../../scripts/services/kafka.mjs";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { openKafkaJournal } from "../../src/actors/persistence/journals/index.ts";
import { createSystem, silentLogger } from "../../src/index.ts";
import { copiesInSync } from "../support/in-sync-copies.ts";
import { kafkaCluster } from "../support/kafka.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Confirmations } from "./support/confirmations.ts";
import { Counter, CounterLoad } from "./support/counter-load.ts";
import { JournalLoad } from "./support/journal-load.ts";
import { shardsLedBy } from "./support/kafka-leaders.ts";
import { LeaderElections } from "./support/leader-elections.ts";

const shards = 6;
/**
 * From the moment when a shard's new leader can confirm a record to the next write that is confirmed to us. Measured
 * from there, and not from the leader's being named, because between the two the followers turn to the new leader,
 * which is the brokers' affair and takes them as long for every client.
 */
const failOverMaxMs = 500;

const cluster = kafkaCluster(3);
const open = new Set<{ close(): Promise<void> }>();
const loads = new Set<JournalLoad>();

afterEach(async () => {
  for (const load of loads) void load.end();
  loads.clear();
  for (const node of cluster.current().nodes) {
    if (!node.isRunning()) node.start();
    node.thaw();
  }
  await Promise.all([...open].map((one) => one.close()));
  open.clear();
  await cluster.current().ready();
});

async function openJournal(topic: string): Promise<Journal> {
  const brokers = cluster.current().address.split(",");
  const journal = await openKafkaJournal({ brokers, topic, shards });
  open.add(journal);
  return journal;
}

function journalLoad(journal: Journal): JournalLoad {
  const load = new JournalLoad(journal);
  loads.add(load);
  return load;
}

/** All copies are made up to date: the next broker may go. */
async function healed(node: KafkaNode, topic: string): Promise<void> {
  if (!node.isRunning()) node.start();
  node.thaw();
  await cluster.current().ready();
  await copiesInSync(cluster.current().address.split(","), topic);
}

interface FailOver {
  readonly topic: string;
  readonly node: KafkaNode;
  readonly harm: (node: KafkaNode) => unknown;
  readonly confirmations: Confirmations;
}

/** Takes a broker away, and holds the way to the shards' new leaders against the cluster's own view of it. */
async function failsOver({ topic, node, harm, confirmations }: FailOver): Promise<number> {
  const others = cluster.current().nodes.filter((one) => one !== node);
  const elections = await LeaderElections.watch({ topic, shards, from: node.id }, others);
  const harmedMs = performance.now();
  await harm(node);
  await confirmations.allMove();
  const elected = await elections.end();
  for (const { partition, namedMs, confirmsMs } of elected) {
    // What the old leader had confirmed may have come in after the harm: `allMove` counts it too.
    const nextMs = await waitUntil(`shard ${partition} confirms a write to its new leader`, () =>
      confirmations.firstAfter(partition, namedMs),
    );
    const [named, confirms, next] = [namedMs, confirmsMs, nextMs].map((ms) =>
      Math.round(ms - harmedMs),
    );
    const times = `named ${named} ms, confirms ${confirms} ms, our next write ${next} ms after`;
    console.log(`shard ${partition}, led by ${node.id} before: new leader ${times}`);
    expect(nextMs - confirmsMs).toBeLessThan(failOverMaxMs);
  }
  return elected.length;
}

test("a broker is killed: the actors of its shards go on with another leader, and count on", async () => {
  const topic = `journal-${randomUUID()}`;
  const system = await createSystem({
    name: "counters",
    shards,
    kafka: { brokers: cluster.current().address.split(","), topic },
    definitions: [Counter],
    logger: silentLogger,
  });
  const load = new CounterLoad(system, shards);
  open.add({
    async close() {
      await load.end();
      await system.stop();
    },
  });
  await load.confirmations.allMove();
  const [node] = cluster.current().nodes;
  if (node === undefined) throw new Error("there are no brokers");
  const harm = (one: KafkaNode) => one.kill();
  const elections = await failsOver({ topic, node, harm, confirmations: load.confirmations });
  expect(elections).toBeGreaterThan(0);
  await load.end();
  expect(load.wrong).toEqual([]);
  await healed(node, topic);
});

test("each broker in turn is frozen and thawed: its shards go on, what was confirmed is there", async () => {
  const topic = `journal-${randomUUID()}`;
  const load = journalLoad(await openJournal(topic));
  const { confirmations } = load;
  await confirmations.allMove();
  // A broker whose partitions have gone to others before leads none.
  let elections = 0;
  for (const node of cluster.current().nodes) {
    elections += await failsOver({ topic, node, harm: (one) => one.freeze(), confirmations });
    await healed(node, topic);
    await confirmations.allMove();
  }
  await load.end();
  expect(elections).toBeGreaterThan(0);
  expect(load.uncertain).toBeGreaterThan(0);
  expect(await load.missingFrom(await openJournal(topic))).toEqual([]);
});

test("a journal opens whatever broker dies meanwhile", async () => {
  const topic = `journal-${randomUUID()}`;
  const { journalId } = await openJournal(topic);
  for (const node of cluster.current().nodes) {
    let opened = 0;
    let isOver = false;
    const openAgain = async (): Promise<void> => {
      while (!isOver) {
        const journal = await openJournal(topic);
        expect(journal.journalId).toBe(journalId);
        await journal.close();
        opened += 1;
      }
    };
    // So many that some are in the midst of each of its steps when the broker dies.
    const openers = Promise.all(Array.from({ length: 12 }, openAgain));
    await Promise.race([openers, waitUntil("journals are opened", () => opened > 24)]);
    await node.kill();
    const before = opened;
    await Promise.race([openers, waitUntil("all have opened again", () => opened > before + 24)]);
    isOver = true;
    await openers;
    await healed(node, topic);
  }
});

test("a frozen broker holds up the shards that it leads, and no others", async () => {
  const topic = `journal-${randomUUID()}`;
  const brokers = cluster.current().address.split(",");
  const system = await createSystem({
    name: "counters",
    shards,
    // With copies on all three every write would need the frozen one too.
    kafka: { brokers, topic, replicationFactor: 1 },
    definitions: [Counter],
    logger: silentLogger,
  });
  const load = new CounterLoad(system, shards);
  open.add({
    async close() {
      await load.end();
      await system.stop();
    },
  });
  const { confirmations } = load;
  await confirmations.allMove();
  const [node] = cluster.current().nodes;
  if (node === undefined) throw new Error("there are no brokers");
  const led = await shardsLedBy(node.id, { brokers, topic });
  const others = Array.from({ length: shards }, (_, shard) => shard).filter((n) => !led.has(n));
  expect([led.size > 0, others.length > 0]).toEqual([true, true]);
  const frozenMs = performance.now();
  node.freeze();
  // What it had confirmed before may still be on its way to us.
  await confirmations.moreOf(others, 20);
  const surelyMs = performance.now();
  await confirmations.moreOf(others, 300);
  // Far more than the 200 ms after which a slow call stops counting, far less than a call to a frozen broker takes.
  for (const shard of others) {
    expect(confirmations.longestPauseMs(shard, frozenMs)).toBeLessThan(4_000);
  }
  for (const shard of led) expect(confirmations.firstAfter(shard, surelyMs)).toBe(undefined);
  node.thaw();
  await confirmations.allMove();
  await load.end();
  expect(load.wrong).toEqual([]);
});

test("too few copies: nothing is confirmed until there are enough again", async () => {
  const topic = `journal-${randomUUID()}`;
  const load = journalLoad(await openJournal(topic));
  const { confirmations } = load;
  await confirmations.allMove();
  const [first, second, third] = cluster.current().nodes;
  await second?.kill();
  third?.freeze();
  // The one that is left may not even be the leader; nothing can be written to two copies.
  await waitUntil("appends fail", () => load.uncertain > 5);
  const aloneMs = performance.now();
  await waitUntil("appends fail on and on", () => load.uncertain > 20);
  expect(first?.isRunning()).toBe(true);
  expect(confirmations.movedSince(aloneMs)).toBe(0);
  third?.thaw();
  await confirmations.allMove();
  await load.end();
  expect(await load.missingFrom(await openJournal(topic))).toEqual([]);
});
