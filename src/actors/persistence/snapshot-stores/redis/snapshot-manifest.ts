/** How a snapshot lies in Redis: the names of its keys, and what is said of it beside its bytes. */
import { crc32 } from "node:zlib";
import type { Snapshot, SnapshotKey } from "../../snapshot-store.ts";

/** JSON, so that a person reads it with redis-cli and the scripts with cjson. */
export interface SnapshotManifest {
  readonly position: number;
  readonly sequenceNumber: number;
  readonly schemaVersion: number;
  readonly timeMs: number;
  readonly bytes: number;
  readonly crc32: number;
  /** The key of the hash with the chunks; absent = the payload lies beside the manifest. */
  readonly body?: string;
  readonly chunks?: number;
}

/**
 * The hash of one entity. All keys of the entity share its hash tag, and so its slot of a Redis
 * Cluster: the tag ends at the first brace, whatever the persistence id holds.
 */
export function entityKey(keyPrefix: string, { journalId, persistenceId }: SnapshotKey): string {
  return `${keyPrefix}:snapshot:{${journalId}/${persistenceId}}`;
}

/** The hash of one big payload's chunks. `nonce` keeps apart what two owners upload at once. */
export function bodyKey(entity: string, nonce: string): string {
  return `${entity}:${nonce}`;
}

export function manifestOf(
  snapshot: Snapshot,
  body?: { readonly key: string; readonly chunks: number },
): SnapshotManifest {
  const { position, sequenceNumber, schemaVersion, timeMs, payload } = snapshot;
  const facts = { position, sequenceNumber, schemaVersion, timeMs };
  const manifest = { ...facts, bytes: payload.length, crc32: crc32(payload) };
  return body === undefined ? manifest : { ...manifest, body: body.key, chunks: body.chunks };
}

/** The snapshot, or what is wrong with its bytes. */
export function snapshotFrom(manifest: SnapshotManifest, payload: Buffer): Snapshot | string {
  if (payload.length !== manifest.bytes) {
    return `it has ${payload.length} bytes and should have ${manifest.bytes}`;
  }
  if (crc32(payload) !== manifest.crc32) return "its checksum is wrong";
  const { position, sequenceNumber, schemaVersion, timeMs } = manifest;
  return { position, sequenceNumber, schemaVersion, timeMs, payload };
}
