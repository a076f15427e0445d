/** `troupe journal …` over a Kafka topic, beside the system that writes it; and definitions of one's own, over either store. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { ExportedEvent } from "../../src/actors/persistence/index.ts";
import { createSystem, definePersistentActor, type System, silentLogger } from "../../src/index.ts";
import { kafkaBrokers } from "../support/kafka.ts";
import { start, temporaryFolder, troupe, troupeJson } from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const { brokers } = kafkaBrokers();

const Tally = definePersistentActor("tally", { initialState: () => ({ sum: 0 }) })
  .events({ added: (state, by: number) => ({ sum: state.sum + by }) })
  .commands({ add: (tally, by: number) => tally.persist("added", by) });

/** The same definition as a user's module has it. */
const moduleText = `
import { definePersistentActor } from ${JSON.stringify(new URL("../../dist/src/index.js", import.meta.url).href)};
export const Tally = definePersistentActor("tally", { initialState: () => ({ sum: 0 }) })
  .events({ added: (state, by) => ({ sum: state.sum + by }) })
  .commands({});
`;

async function filled(system: System): Promise<void> {
  onTestFinished(() => system.stop());
  for (const by of [1, 2, 3]) await system.actor(Tally, "a").add(by);
  await system.actor(Tally, "b").add(10);
}

const options = { name: "tallies", definitions: [Tally], logger: silentLogger, shards: 4 } as const;

async function replayed(store: readonly string[]): Promise<unknown> {
  const module = join(temporaryFolder(), "tally.mjs");
  writeFileSync(module, moduleText);
  const args = ["journal", "replay", "tally/a", "--to", "2", "--module", module, ...store];
  return (await troupeJson<{ state: unknown }>(args)).map(({ state }) => state);
}

test("inspect, verify, export, tail and replay over a topic that is being written", async () => {
  const topic = `commands-${randomUUID()}`;
  const system = await createSystem({
    ...options,
    kafka: { brokers, topic, replicationFactor: 1 },
  });
  await filled(system);
  const store = ["--kafka", brokers.join(","), "--kafka-topic", topic];

  const inspected = await troupe(["journal", "inspect", ...store]);
  expect(inspected).toMatchObject({ code: 0, stderr: "" });
  expect(inspected.stdout).toMatch(/id [0-9a-f]{32}, 4 shards/);
  const verified = await troupe(["journal", "verify", ...store]);
  expect(verified).toMatchObject({ code: 0, stderr: "" });
  const exported = (await troupe(["journal", "export", ...store])).stdout.trimEnd().split("\n");
  const ids = exported
    .map((line) => JSON.parse(line) as ExportedEvent)
    .map(({ persistenceId, sequenceNumber }) => [persistenceId, sequenceNumber]);
  expect(ids.filter(([id]) => id === "tally/a")).toEqual([1, 2, 3].map((n) => ["tally/a", n]));
  expect(ids).toContainEqual(["tally/b", 1]);
  expect(await replayed(store)).toEqual([{ sum: 1 }, { sum: 3 }]);

  const tail = ["journal", "tail", "--from", "start", "--id", "tally/b", "--json", ...store];
  const tailing = start(tail);
  await waitUntil("what is there is shown", () => tailing.stdout().includes("\n"));
  await system.actor(Tally, "b").add(20);
  await waitUntil("what comes is shown", () => tailing.stdout().split("\n").length > 2);
  const shown = tailing.stdout().trimEnd().split("\n");
  expect(shown.map((line) => (JSON.parse(line) as ExportedEvent).sequenceNumber)).toEqual([1, 2]);
  tailing.signal("SIGINT");
  expect(await tailing.ended()).toBe(0);
});

test("replay with a module over a data folder", async () => {
  const dataDir = join(temporaryFolder(), "data");
  await filled(await createSystem({ ...options, dataDir }));
  expect(await replayed(["--data", dataDir])).toEqual([{ sum: 1 }, { sum: 3 }]);
});
