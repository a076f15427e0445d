/** One event of the log as people and other programs read it. */
import type { Position } from "../journal.ts";
import { decodePayload } from "../payload-codec.ts";
import type { StoredEvent } from "../shard-log.ts";
import { type Json, plainJson } from "./plain-json.ts";

export interface ExportedEvent {
  readonly shard: number;
  /** Of the frame that holds it. */
  readonly position: Position;
  readonly persistenceId: string;
  readonly sequenceNumber: number;
  /** `base` = the whole state after the events up to this number; `tombstone` = the entity was deleted. */
  readonly kind: "event" | "base" | "tombstone";
  readonly type: string;
  readonly schemaVersion: number;
  /** ISO 8601, by the clock of the node that wrote it. */
  readonly time: string;
  readonly payload: Json;
  /** Present when the event said so: whether work is half done. */
  readonly open?: boolean;
  /** The earliest durable timer after this event. */
  readonly wakeAt?: string;
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
  readonly tags?: readonly string[];
}

export function exportedEvent(
  event: StoredEvent,
  at: { readonly shard: number; readonly position: Position },
): ExportedEvent {
  const { persistenceId, sequenceNumber, kind, type, schemaVersion, timeMs, payload } = event;
  const { open, wakeAtMs, idempotencyKey, traceparent, tags } = event;
  return {
    shard: at.shard,
    position: at.position,
    persistenceId,
    sequenceNumber,
    kind,
    type,
    schemaVersion,
    time: isoTime(timeMs),
    payload: plainJson(decodePayload(payload)),
    ...(open !== undefined && { open }),
    ...(wakeAtMs !== undefined && { wakeAt: isoTime(wakeAtMs) }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(traceparent !== undefined && { traceparent }),
    ...(tags !== undefined && { tags }),
  };
}

/** Any number can stand in the log; what is no date is shown as it is. */
function isoTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? String(timeMs) : date.toISOString();
}
