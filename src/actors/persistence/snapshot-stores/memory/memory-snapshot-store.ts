/** Snapshots in this process's memory: for tests, and for recoveries after a passivation. */
import { limits } from "../../../kernel/index.ts";
import type { Snapshot, SnapshotBounds, SnapshotKey, SnapshotStore } from "../../snapshot-store.ts";

export interface MemorySnapshotStoreOptions {
  /** Snapshots of one entity that are kept. Default 2, at least 2. */
  readonly keep?: number;
  /** All payloads together; beyond it the entities saved longest ago are dropped. Default `memorySnapshotBytesMax`. */
  readonly bytesMax?: number;
}

class MemorySnapshotStore implements SnapshotStore {
  readonly #keep: number;
  readonly #bytesMax: number;
  /** Oldest first, in both. */
  readonly #kept = new Map<string, readonly Snapshot[]>();
  #bytes = 0;

  constructor(keep: number, bytesMax: number) {
    this.#keep = Math.max(2, keep);
    this.#bytesMax = bytesMax;
  }

  load(key: SnapshotKey, bounds: SnapshotBounds = {}): Promise<Snapshot | undefined> {
    const kept = this.#kept.get(nameOf(key)) ?? [];
    return Promise.resolve(kept.findLast((snapshot) => isWithin(snapshot, bounds)));
  }

  save(key: SnapshotKey, snapshot: Snapshot): Promise<boolean> {
    const name = nameOf(key);
    const before = this.#kept.get(name) ?? [];
    const newest = before.at(-1);
    if (newest !== undefined && newest.position > snapshot.position) return Promise.resolve(false);
    const copy = { ...snapshot, payload: Uint8Array.from(snapshot.payload) };
    const others = before.filter(({ position }) => position !== snapshot.position);
    this.#set(name, [...others, copy].slice(-this.#keep));
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === name) break;
      this.#set(oldest, []);
    }
    return Promise.resolve(true);
  }

  delete(key: SnapshotKey, bounds: SnapshotBounds = {}): Promise<void> {
    const name = nameOf(key);
    const kept = this.#kept.get(name) ?? [];
    this.#set(
      name,
      kept.filter((snapshot) => !isWithin(snapshot, bounds)),
    );
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#kept.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }

  #set(name: string, snapshots: readonly Snapshot[]): void {
    this.#bytes += sizeOf(snapshots) - sizeOf(this.#kept.get(name) ?? []);
    // Taken out first, so that the order of the map is that of the last save.
    this.#kept.delete(name);
    if (snapshots.length > 0) this.#kept.set(name, snapshots);
  }
}

function nameOf({ journalId, persistenceId }: SnapshotKey): string {
  return `${journalId}/${persistenceId}`;
}

function sizeOf(snapshots: readonly Snapshot[]): number {
  return snapshots.reduce((bytes, { payload }) => bytes + payload.length, 0);
}

function isWithin(snapshot: Snapshot, bounds: SnapshotBounds): boolean {
  const { sequenceNumberMax = Infinity, timeMsMax = Infinity } = bounds;
  return snapshot.sequenceNumber <= sequenceNumberMax && snapshot.timeMs <= timeMsMax;
}

export function memorySnapshotStore(options: MemorySnapshotStoreOptions = {}): SnapshotStore {
  const { keep = 2, bytesMax = limits.memorySnapshotBytesMax } = options;
  return new MemorySnapshotStore(keep, bytesMax);
}
