/**
 * What every snapshot store must hold: Pekko's SnapshotStoreSpec, and what owners that race add.
 *
 * | case | test here, or where else |
 * |---|---|
 * | 1 an id that is not there | "finds nothing for another persistence id, or another journal" |
 * | 2, 3 criteria that match nothing | "finds nothing out of the bounds …" |
 * | 4 the most recent | "finds the newest, whole, …" |
 * | 5, 6 upper bounds of number, of time, of both | "finds the newest within …" |
 * | 7 delete a single one (here: the port deletes up to bounds) | "deletes the one that is alone within the bounds" |
 * | 8 delete all within bounds | "deletes within the bounds, and nothing else" |
 * | 9 not delete where the time does not match | "deletes nothing where number or time does not match" |
 * | 10 overwrite the same number | "overwrites the snapshot of the same position" |
 * | 11 bigger ones | "keeps big ones, …"; chunks: `redis-snapshot-store.test.ts` |
 * | 12, 13 bytes and metadata come back | "finds the newest, whole, with what was said of it" |
 * | an older owner never overwrites | "never lets an older owner …"; racing: `redis-snapshot-store.test.ts` |
 * | store down, wiped, stale, evicting, of another journal | `redis-snapshot-store.test.ts`, `redis-recovery.test.ts` |
 */
import { describe, expect, it, onTestFinished } from "vitest";
import type { Snapshot, SnapshotKey, SnapshotStore } from "../../src/actors/persistence/index.ts";

const key: SnapshotKey = { journalId: "a".repeat(32), persistenceId: "account/alice" };

function snapshot(sequenceNumber: number, of: Partial<Snapshot> = {}): Snapshot {
  return {
    sequenceNumber,
    position: sequenceNumber * 100,
    schemaVersion: 1,
    timeMs: sequenceNumber * 1_000,
    payload: Buffer.from(`state ${sequenceNumber}`),
    ...of,
  };
}

export function snapshotStoreContract(
  name: string,
  given: { create(options: { keep: number }): Promise<SnapshotStore> },
): void {
  describe(`snapshot store: ${name}`, () => {
    /** s-1 … s-5 at the sequence numbers 11 … 15. */
    async function filled(): Promise<SnapshotStore> {
      const store = await given.create({ keep: 5 });
      onTestFinished(() => store.close());
      for (let number = 11; number <= 15; number++) {
        expect(await store.save(key, snapshot(number))).toBe(true);
      }
      return store;
    }

    it("finds nothing for another persistence id, or another journal", async () => {
      const store = await filled();
      expect(await store.load({ ...key, persistenceId: "account/bob" })).toBeUndefined();
      expect(await store.load({ ...key, journalId: "b".repeat(32) })).toBeUndefined();
    });

    it("finds nothing out of the bounds of time or number", async () => {
      const store = await filled();
      expect(await store.load(key, { timeMsMax: 10_999 })).toBeUndefined();
      expect(await store.load(key, { sequenceNumberMax: 7 })).toBeUndefined();
    });

    it("finds the newest, whole, with what was said of it", async () => {
      const store = await filled();
      const found = await store.load(key);
      expect({ ...found, payload: Buffer.from(found?.payload ?? []).toString() }).toEqual({
        ...snapshot(15),
        payload: "state 15",
      });
    });

    it("finds the newest within an upper number, an upper time, or both", async () => {
      const store = await filled();
      const numberOf = async (bounds: object): Promise<number | undefined> =>
        (await store.load(key, bounds))?.sequenceNumber;
      expect(await numberOf({ sequenceNumberMax: 13 })).toBe(13);
      expect(await numberOf({ timeMsMax: 13_500 })).toBe(13);
      expect(await numberOf({ sequenceNumberMax: 14, timeMsMax: 12_000 })).toBe(12);
    });

    it("deletes within the bounds, and nothing else", async () => {
      const store = await filled();
      await store.delete(key, { sequenceNumberMax: 13, timeMsMax: 12_000 });
      expect((await store.load(key, { sequenceNumberMax: 13 }))?.sequenceNumber).toBe(13);
      expect(await store.load(key, { sequenceNumberMax: 12 })).toBeUndefined();
      expect((await store.load(key))?.sequenceNumber).toBe(15);
      await store.delete(key);
      expect(await store.load(key)).toBeUndefined();
      await store.delete(key);
    });

    it("deletes the one that is alone within the bounds", async () => {
      const store = await filled();
      await store.delete(key, { sequenceNumberMax: 11 });
      expect(await store.load(key, { sequenceNumberMax: 11 })).toBeUndefined();
      expect((await store.load(key, { sequenceNumberMax: 12 }))?.sequenceNumber).toBe(12);
    });

    it("deletes nothing where number or time does not match", async () => {
      const store = await filled();
      await store.delete(key, { sequenceNumberMax: 13, timeMsMax: 10_999 });
      await store.delete(key, { sequenceNumberMax: 10, timeMsMax: 99_000 });
      for (const sequenceNumber of [11, 12, 13, 14, 15]) {
        const found = await store.load(key, { sequenceNumberMax: sequenceNumber });
        expect(found?.sequenceNumber).toBe(sequenceNumber);
      }
    });

    it("overwrites the snapshot of the same position", async () => {
      const store = await filled();
      const again = snapshot(15, { payload: Buffer.from("again"), timeMs: 99_000 });
      expect(await store.save(key, again)).toBe(true);
      const found = await store.load(key);
      expect([found?.timeMs, Buffer.from(found?.payload ?? []).toString()]).toEqual([
        99_000,
        "again",
      ]);
    });

    it("never lets an older owner push out a newer snapshot", async () => {
      const store = await filled();
      expect(await store.save(key, snapshot(14, { payload: Buffer.from("late") }))).toBe(false);
      expect((await store.load(key))?.sequenceNumber).toBe(15);
      // A new life of the entity counts from 1, further on in the log.
      expect(await store.save(key, snapshot(1, { position: 9_000 }))).toBe(true);
      expect((await store.load(key))?.sequenceNumber).toBe(1);
    });

    it("keeps big ones, and shares no bytes with its callers", async () => {
      const store = await filled();
      const payload = Buffer.alloc(3_000_000, 7);
      await store.save(key, snapshot(20, { payload }));
      payload.fill(0);
      const found = await store.load(key);
      expect(found?.payload).toHaveLength(3_000_000);
      expect(found?.payload.every((byte) => byte === 7)).toBe(true);
    });
  });
}
