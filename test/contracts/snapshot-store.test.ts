import { expect, it } from "vitest";
import { memorySnapshotStore } from "../../src/actors/persistence/index.ts";
import { snapshotStoreContract } from "./snapshot-store-contract.ts";

snapshotStoreContract("memory", {
  create: ({ keep }) => Promise.resolve(memorySnapshotStore({ keep })),
});

it("in memory drops the entities saved longest ago above its bytes", async () => {
  const store = memorySnapshotStore({ bytesMax: 1_000 });
  const key = (n: number) => ({ journalId: "j", persistenceId: `e/${n}` });
  for (let n = 0; n < 5; n++) {
    const payload = Buffer.alloc(300);
    await store.save(key(n), {
      sequenceNumber: 1,
      position: 1,
      schemaVersion: 1,
      timeMs: 0,
      payload,
    });
  }
  const there = await Promise.all(
    [0, 1, 2, 3, 4].map(async (n) => (await store.load(key(n))) !== undefined),
  );
  expect(there).toEqual([false, false, true, true, true]);
});
