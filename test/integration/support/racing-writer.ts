/**
 * A process that wants to own all shards of a Kafka journal and to write to one entity in each of them, as long as it
 * is let. Another one that wants the same deposes it again and again.
 * Says `acked <shard> <number> <text>` and `refused <text>` on its standard output. Ends when its input does.
 *
 *   racing-writer.ts <brokers> <topic> <shards> <name>
 */
import { isTroupeError } from "../../../src/actors/kernel/index.ts";
import { openKafkaJournal } from "../../../src/actors/persistence/journals/index.ts";
import type { ShardLog } from "../../../src/actors/persistence/shard-log.ts";
import { openShardLogs } from "../../../src/actors/persistence/shard-logs.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** Only what hangs meets it. */
const openMsMax = 240_000;

const [, , brokers = "", topic = "", shardCount = "", name = ""] = process.argv;
const shards = Number(shardCount);
const journal = await openKafkaJournal({ brokers: brokers.split(","), topic, shards });
// Impatient, so that the shards change hands often.
const options = { retryPauseMs: 5, stalledRetryMs: 200 };
const logs = openShardLogs({ journal, node: name, options });
let isEnding = false;
process.stdin.on("end", () => {
  isEnding = true;
});
process.stdin.resume();

async function write(log: ShardLog, shard: number, text: string): Promise<void> {
  const event = { kind: "event", type: "wrote", schemaVersion: 1, timeMs: Date.now() } as const;
  try {
    const payload = Buffer.from(text);
    const { firstSequenceNumber, confirmed } = log.commit(`e/${shard}`, [{ ...event, payload }]);
    await confirmed;
    process.stdout.write(`acked ${shard} ${firstSequenceNumber} ${text}\n`);
  } catch (error) {
    if (!isTroupeError(error)) throw error;
    if (error.outcome === "not-done") process.stdout.write(`refused ${text}\n`);
  }
}

/** undefined = it cannot be had just now. */
async function opened(shard: number): Promise<ShardLog | undefined> {
  try {
    return await logs.open(shard);
  } catch (error) {
    if (!isTroupeError(error)) throw error;
    return undefined;
  }
}

async function writeTo(shard: number): Promise<void> {
  for (let number = 0; !isEnding; ) {
    const log = await waitUntil(
      `shard ${shard} opens`,
      async () => (await opened(shard)) ?? (isEnding ? "ending" : undefined),
      { deadlineMs: openMsMax, everyMs: 5 },
    );
    if (log === "ending") return;
    const texts = Array.from({ length: 3 }, () => `${name}-${shard}-${number++}`);
    await Promise.all(texts.map((text) => write(log, shard, text)));
  }
}

await Promise.all(Array.from({ length: shards }, (_, shard) => writeTo(shard)));
await logs.close();
await journal.close();
