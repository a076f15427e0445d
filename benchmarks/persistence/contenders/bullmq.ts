/** BullMQ's `add`, with a Redis that syncs its append-only file before each answer. */
import { Queue } from "bullmq";
import { type Contender, type ContenderOptions, eventData } from "../contender.ts";

export async function open({ store }: ContenderOptions): Promise<Contender> {
  const { hostname: host, port } = new URL(store.redisUrl ?? "");
  const queue = new Queue("bench", { connection: { host, port: Number(port) } });
  await queue.waitUntilReady();
  return {
    peer: "BullMQ, Redis with appendfsync always",
    call: (actor) => queue.add(`a${actor}`, eventData),
    close: () => queue.close(),
  };
}
