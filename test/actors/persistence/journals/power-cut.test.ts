/**
 * Random work on a disk that loses power, fails and fills up at random, over several lives of the
 * journal. After each opening: every record that was confirmed is there, at its place, in order;
 * none that was refused is; none is there that nobody wrote, and none twice.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Random, seededRandom } from "../../../../src/actors/kernel/index.ts";
import type {
  AppendResult,
  Journal,
  JournalRecord,
} from "../../../../src/actors/persistence/journal.ts";
import { openEmbeddedJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { type DiskFault, dataFolder, EmulatedDisk } from "./emulated-disk.ts";

const shards = 4;

interface Life {
  /** Processes that have the folder open at the same time; appends go to them in turn. */
  readonly processes: number;
  /** Appends in flight together: sizes of the records, one append each. */
  readonly groups: readonly (readonly number[])[];
  /** The power goes at this call of the file system, or the journal is closed at the end. */
  readonly cutAfterCalls: number | undefined;
  readonly faults: readonly { readonly call: number; readonly fault: DiskFault }[];
  readonly evictsPages: boolean;
  /** Reads everything after each group, as a new owner does. */
  readonly observes: boolean;
  /** After which group shard 0 is cut at its newest confirmed record. */
  readonly cutsAtGroup: number | undefined;
}

interface Written {
  readonly shard: number;
  readonly bytes: Buffer;
  /** Undefined: the process died before the answer. */
  result: AppendResult | undefined;
}

class World {
  readonly disk: EmulatedDisk;
  readonly written: Written[] = [];
  readonly #random: Random;
  low = 0;

  constructor(random: Random) {
    this.#random = random;
    this.disk = new EmulatedDisk(random);
  }

  async open(): Promise<Journal> {
    const fileSystem = this.disk.fileSystem();
    const options = { directory: dataFolder, fileSystem, random: this.#random, shards };
    return openEmbeddedJournal({ ...options, segmentBytes: 16_384 });
  }

  async live(life: Life): Promise<void> {
    const { disk } = this;
    const cut =
      life.cutAfterCalls === undefined ? undefined : disk.cutPowerAfter(life.cutAfterCalls);
    for (const { call, fault } of life.faults) disk.faultAfter(call, fault);
    const work = this.#work(life);
    await (cut === undefined ? work : Promise.race([work, cut]));
    // A cut that was set beyond the work's end comes at its end.
    if (cut !== undefined) disk.cutPower();
    disk.clearFaults();
  }

  async #work(life: Life): Promise<void> {
    const opened = await Promise.allSettled(
      Array.from({ length: life.processes }, () => this.open()),
    );
    // Where the disk fails during the opening, the next life must find everything all the same.
    const journals = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const [first] = journals;
    if (first === undefined) return;
    for (const [number, sizes] of life.groups.entries()) {
      const pick = (index: number): Journal => journals[index % journals.length] ?? first;
      await Promise.all(sizes.map((size, index) => this.#append(pick(index), size)));
      if (life.observes) await Promise.all(journals.map((journal) => this.#observe(journal)));
      if (life.evictsPages) this.disk.evictPageCache();
      if (number === life.cutsAtGroup) await this.#cut(pick(number));
    }
    await Promise.all(journals.map((journal) => journal.close()));
  }

  async #append(journal: Journal, size: number): Promise<void> {
    const shard = this.written.length % shards;
    const bytes = Buffer.alloc(8 + size, this.written.length & 0xff);
    bytes.writeDoubleLE(this.written.length, 0);
    const written: Written = { shard, bytes, result: undefined };
    this.written.push(written);
    [written.result] = await journal.append([{ shard, expected: 0, bytes }]);
  }

  async #cut(journal: Journal): Promise<void> {
    const places = this.written.flatMap(({ shard, result }) =>
      shard === 0 && result?.outcome === "at" ? [result.at] : [],
    );
    const before = Math.max(0, ...places);
    // From here on the records below may be gone, whether the call succeeds or not.
    this.low = Math.max(this.low, before);
    await journal.cut(0, before).catch(() => undefined);
  }

  /** What a reader saw before a confirmed append of its own is confirmed too: claims rely on it. */
  async #observe(journal: Journal): Promise<void> {
    const found = await this.#readAll(journal).catch(() => new Map<number, JournalRecord>());
    const number = this.written.length;
    await this.#append(journal, 8);
    if (this.written[number]?.result?.outcome !== "at") return;
    for (const [id, { position, next }] of found) {
      const written = this.written[id];
      if (written !== undefined) {
        written.result = { outcome: "at", at: position, next, clean: true };
      }
    }
  }

  async #readAll(journal: Journal): Promise<Map<number, JournalRecord>> {
    const found = new Map<number, JournalRecord>();
    for (let shard = 0; shard < shards; shard++) {
      const { low, end } = await journal.tail(shard);
      expect(low).toBeLessThanOrEqual(shard === 0 ? this.low : 0);
      let position = low;
      for (;;) {
        const page = await journal.read(shard, position, 10_000);
        for (const record of page.records) this.#checkRecord(found, shard, record);
        if (page.records.length === 0) break;
        position = page.next;
      }
      expect(position).toBeLessThanOrEqual(end);
    }
    return found;
  }

  async check(journal: Journal): Promise<void> {
    const found = await this.#readAll(journal);
    for (const [id, { shard, result }] of this.written.entries()) {
      const record = found.get(id);
      if (result?.outcome === "refused") expect(record, `refused ${id}`).toBeUndefined();
      if (result?.outcome !== "at") continue;
      if (shard === 0 && result.at < this.low) continue;
      expect(record?.position, `confirmed ${id} of shard ${shard}`).toBe(result.at);
    }
  }

  #checkRecord(found: Map<number, JournalRecord>, shard: number, record: JournalRecord): void {
    const id = Buffer.from(record.bytes).readDoubleLE(0);
    const written = this.written[id];
    expect(written?.shard, `record ${id}`).toBe(shard);
    expect(Buffer.compare(record.bytes, written?.bytes ?? Buffer.alloc(0))).toBe(0);
    expect(found.has(id), `record ${id} twice`).toBe(false);
    found.set(id, record);
  }
}

const fault = fc.record({
  call: fc.nat(60),
  fault: fc.constantFrom<DiskFault>(
    "sync-error",
    "write-error",
    "short-write",
    "full",
    "read-error",
  ),
});
const life = fc.record({
  processes: fc.constantFrom(1, 1, 2, 3),
  groups: fc.array(fc.array(fc.nat(9000), { minLength: 1, maxLength: 6 }), { maxLength: 8 }),
  cutAfterCalls: fc.option(fc.integer({ min: 1, max: 90 }), { nil: undefined, freq: 3 }),
  faults: fc.array(fault, { maxLength: 3 }),
  evictsPages: fc.boolean(),
  observes: fc.boolean(),
  cutsAtGroup: fc.option(fc.nat(7), { nil: undefined }),
});

const runs = Number(process.env["JOURNAL_RUNS"] ?? 300);

test("nothing confirmed is lost, and nothing is invented, whatever the disk does", async () => {
  const lives = fc.array(life, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(lives, fc.integer(), async (history, seed) => {
      const world = new World(seededRandom(seed));
      for (const one of history) {
        await world.live(one);
        const journal = await world.open();
        await world.check(journal);
        await journal.close();
        world.disk.evictPageCache();
      }
    }),
    { numRuns: runs },
  );
});
