/** What `docs/persistence.md` says of bytes, on disk and in memory. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { Directory } from "../../../src/actors/persistence/directory.ts";
import { encodePayload } from "../../../src/actors/persistence/payload-codec.ts";
import { createSystem, definePersistentActor } from "../../../src/index.ts";
import { start } from "./entity-fixture.ts";

const Meter = definePersistentActor("meter", {
  initialState: () => ({ total: 0 }),
  snapshot: { everyEvents: 100_000 },
})
  .events({
    read: (state, e: { value: number; place: string }) => ({ total: state.total + e.value }),
  })
  .commands({
    read: (meter, e: { value: number; place: string }) => meter.persist("read", e),
  });

function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

test("on disk: an event takes 40 bytes and its id, name and payload; a commit of many 160 to 230 bytes more", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "troupe-sizing-"));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  let frames = 0;
  const frameConfirmed = (): void => {
    frames += 1;
  };
  const system = await createSystem({
    ...{ name: "sizing", dataDir, shards: 1, definitions: [Meter] },
    journalObserver: { frameConfirmed },
  });
  const journal = join(dataDir, "journal");
  const logBytes = async (): Promise<number> => {
    const logs = (await readdir(journal)).filter((name) => name.endsWith(".log"));
    const sizes = await Promise.all(
      logs.map(async (name) => (await stat(join(journal, name))).size),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  };
  const before = await logBytes();
  frames = 0;
  const events = 2_000;
  const data = { value: 7, place: "x".repeat(60) };
  const ids = Array.from({ length: events }, (_, number) => `m${number % 10}`);
  await Promise.all(ids.map((id) => system.actor(Meter, id).read(data)));
  const bytes = (await logBytes()) - before;
  const payloadBytes = encodePayload(data, "").length;
  const eventBytes = 40 + "meter/m0".length + "read".length + payloadBytes;
  const commitBytes = (bytes - events * eventBytes) / frames;
  expect(commitBytes).toBeGreaterThanOrEqual(160);
  expect(commitBytes).toBeLessThanOrEqual(230);
  await system.stop();
});

test("in memory: an actor that is known takes less than 400 bytes, one that is resident less than 3,000", async () => {
  const known = 50_000;
  const before = heapBytes();
  const directory = new Directory();
  for (let number = 0; number < known; number++) {
    const slot = directory.addSlot(`meter/${number}`);
    const change = {
      sequenceNumber: 1,
      restarts: true,
      deleted: false,
      open: undefined,
      wakeAtMs: undefined,
    };
    directory.apply(slot, change, number * 1_000);
  }
  const knownBytes = (heapBytes() - before) / known;
  expect(directory.size).toBe(known);
  expect(knownBytes).toBeLessThan(400);

  const resident = 20_000;
  const system = await start({ definitions: [Meter] });
  const beforeResidents = heapBytes();
  const data = { value: 1, place: "here" };
  for (let number = 0; number < resident; number += 1_000) {
    const some = Array.from({ length: 1_000 }, (_, index) => `${number + index}`);
    await Promise.all(some.map((id) => system.actor(Meter, id).read(data)));
  }
  const residentBytes = (heapBytes() - beforeResidents) / resident;
  expect(system.entities().length).toBe(resident);
  expect(residentBytes).toBeLessThan(3_000);
});
