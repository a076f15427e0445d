/** Frames written by hand, for logs that no owner would write. */
import { writeEvent } from "../../../../src/actors/persistence/event-codec.ts";
import { type FrameNumbers, FrameWriter } from "../../../../src/actors/persistence/frame.ts";
import type { Journal, Position } from "../../../../src/actors/persistence/journal.ts";
import type { StagedEvent } from "../../../../src/actors/persistence/shard-log.ts";
import { event } from "../shard-fixture.ts";

export interface RawEvent {
  readonly id: string;
  readonly sequenceNumber: number;
  readonly previous: Position;
  readonly staged?: StagedEvent;
}

export function rawFrame(
  { journalId }: Pick<Journal, "journalId">,
  numbers: Partial<FrameNumbers> & { readonly shard?: number; readonly node?: string },
  events: readonly RawEvent[] = [],
): Buffer {
  const { shard = 0, node = "node-raw", ...given } = numbers;
  const writer = new FrameWriter({ journalId, shard, node });
  for (const { id, sequenceNumber, previous, staged = event("raw") } of events) {
    writeEvent(writer, { persistenceId: id, sequenceNumber, previous }, staged);
  }
  return writer.seal({
    kind: "data",
    term: 1,
    nonce: 1,
    seq: 1,
    confirmedCheckpoint: -1,
    clusterView: 1,
    ...given,
  });
}

/** Appends a record as it is; returns its position. */
export async function appendRaw(journal: Journal, bytes: Uint8Array, shard = 0): Promise<Position> {
  const { end } = await journal.tail(shard);
  const [result] = await journal.append([{ shard, expected: end, bytes }]);
  if (result?.outcome !== "at") throw new Error("the append did not land");
  return result.at;
}
