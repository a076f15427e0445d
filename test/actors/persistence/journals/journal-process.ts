/**
 * A process of its own that appends to a data folder as fast as it can, and tells on its standard
 * output what was confirmed: `ack <shard> <at> <text>`, one line each. Ends when its input does.
 * use: journal-process.ts <directory> <name> <segment bytes>
 */
import { once } from "node:events";
import { openEmbeddedJournal } from "../../../../src/actors/persistence/journals/index.ts";

const [, , directory = "", name = "", segmentBytes = ""] = process.argv;
const journal = await openEmbeddedJournal({ directory, segmentBytes: Number(segmentBytes) });
let isEnding = false;
process.stdin.on("end", () => {
  isEnding = true;
});
process.stdin.resume();

async function appendInShard(shard: number): Promise<void> {
  for (let number = 0; !isEnding; number++) {
    const text = `${name}-${shard}-${number}-`.padEnd(20 + ((number * 37) % 700), "x");
    const bytes = new TextEncoder().encode(text);
    const [result] = await journal.append([{ shard, expected: 0, bytes }]);
    if (result?.outcome !== "at") throw result?.cause ?? new Error("append answered nothing");
    if (!process.stdout.write(`ack ${shard} ${result.at} ${text}\n`))
      await once(process.stdout, "drain");
  }
}

await Promise.all(Array.from({ length: 8 }, (_, shard) => appendInShard(shard)));
await journal.close();
