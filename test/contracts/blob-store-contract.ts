/** What every blob store must hold. */
import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import type { BlobSource, BlobStore } from "../../src/actors/blobs/index.ts";

export interface BlobStoreGiven {
  /** An empty store; with `same`, the one created before, opened anew as after a crash. */
  create(options?: { same: BlobStore }): Promise<BlobStore>;
  /** Set where large content goes another way: sizes around its border are tried. */
  readonly partBytes?: number;
}

const small = Buffer.from("what a job leaves behind");

function hashOf(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The bytes in pieces of an odd size. */
function sourceOf(data: Uint8Array, pieceBytes = 60_001): BlobSource {
  return async function* (offset) {
    for (let at = offset; at < data.length; at += pieceBytes) {
      yield data.subarray(at, Math.min(at + pieceBytes, data.length));
    }
  };
}

/** As `sourceOf`, but the connection is lost at `breakAt`. */
function brokenSource(data: Uint8Array, breakAt: number): BlobSource {
  return async function* (offset) {
    yield* sourceOf(data.subarray(0, breakAt))(offset);
    throw new Error("connection lost");
  };
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function keysOf(store: BlobStore, prefix?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
}

export function blobStoreContract(name: string, given: BlobStoreGiven): void {
  async function open(options?: { same: BlobStore }): Promise<BlobStore> {
    const store = await given.create(options);
    onTestFinished(() => store.close());
    return store;
  }

  describe(`blob store: ${name}`, () => {
    content(open, given.partBytes ?? 1024 * 1024);
    resumed(open, given.partBytes ?? 1024 * 1024);
    appended(open);
    keys(open);
  });
}

type Open = (options?: { same: BlobStore }) => Promise<BlobStore>;

function content(open: Open, partBytes: number): void {
  it("names content by its hash and gives it back", async () => {
    const store = await open();
    const blob = await store.put(sourceOf(small));
    const sha256 = hashOf(small);
    expect(blob).toEqual({ key: `sha256/${sha256}`, sha256, bytes: small.length });
    expect(await bytesOf(store.get(blob.key))).toEqual(small);
    const stat = await store.stat(blob.key);
    expect(stat).toMatchObject({ key: blob.key, bytes: small.length });
    expect(Math.abs((stat?.changedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it.each([0, 1, partBytes - 1, partBytes, partBytes + 1, 2 * partBytes + 77])(
    "keeps %i bytes",
    async (bytes) => {
      const store = await open();
      const data = randomBytes(bytes);
      const blob = await store.put(sourceOf(data), { sha256: hashOf(data) });
      expect(blob.bytes).toBe(bytes);
      expect((await bytesOf(store.get(blob.key))).equals(data)).toBe(true);
    },
  );

  it("gives ranges, cut to what there is", async () => {
    const store = await open();
    const data = randomBytes(700_000);
    const { key } = await store.put(sourceOf(data));
    const range = async (offset: number, length?: number): Promise<Buffer> =>
      bytesOf(store.get(key, { offset, ...(length !== undefined && { length }) }));
    expect((await range(0, 10)).equals(data.subarray(0, 10))).toBe(true);
    expect((await range(300_000, 300_000)).equals(data.subarray(300_000, 600_000))).toBe(true);
    expect((await range(699_990, 100)).equals(data.subarray(699_990))).toBe(true);
    expect((await range(500_000)).equals(data.subarray(500_000))).toBe(true);
    expect(await range(700_000, 10)).toHaveLength(0);
    expect(await range(900_000)).toHaveLength(0);
    expect(await range(5, 0)).toHaveLength(0);
  });

  it("does not read a source whose content it has", async () => {
    const store = await open();
    const sha256 = hashOf(small);
    const first = await store.put(sourceOf(small));
    const again = await store.put(() => expect.fail("the source was opened"), { sha256 });
    expect(again).toEqual(first);
    expect(await store.put(sourceOf(small))).toEqual(first);
    expect(await keysOf(store)).toEqual([first.key]);
  });

  it("reads all of a source that has to show what it has, also where the content is there", async () => {
    const store = await open();
    const sha256 = hashOf(small);
    await store.put(sourceOf(small));
    for (const upload of [undefined, "u"]) {
      const options = { sha256, whole: true, ...(upload !== undefined && { upload }) };
      let read = 0;
      const source = async function* () {
        read += small.length;
        yield small;
      };
      expect(await store.put(source, options)).toMatchObject({ sha256, bytes: small.length });
      expect(read).toBe(small.length);
      await expect(store.put(sourceOf(Buffer.from("else")), options)).rejects.toMatchObject({
        code: "TROUPE_BLOB_MISMATCH",
      });
      expect((await bytesOf(store.get(`sha256/${sha256}`))).equals(small)).toBe(true);
    }
  });

  it("keeps nothing of content that is not what was promised, or too much", async () => {
    const store = await open();
    const big = randomBytes(partBytes + 10);
    for (const data of [small, big]) {
      await expect(
        store.put(sourceOf(data), { sha256: hashOf(Buffer.from("other")) }),
      ).rejects.toMatchObject({ code: "TROUPE_BLOB_MISMATCH" });
      await expect(store.put(sourceOf(data), { bytesMax: data.length - 1 })).rejects.toMatchObject({
        code: "TROUPE_BLOB_TOO_LARGE",
      });
    }
    expect(await keysOf(store)).toEqual([]);
    expect(await store.dropUploads(Date.now() + 3_600_000)).toBe(0);
  });

  it("stores the same content once when it is put several times at once", async () => {
    const store = await open();
    const data = randomBytes(300_000);
    const blobs = await Promise.all(Array.from({ length: 5 }, () => store.put(sourceOf(data))));
    expect(new Set(blobs.map(({ key }) => key)).size).toBe(1);
    expect(await keysOf(store)).toEqual([blobs[0]?.key]);
    expect((await bytesOf(store.get(blobs[0]?.key ?? ""))).equals(data)).toBe(true);
  });

  it("really deletes, and knows what is not there", async () => {
    const store = await open();
    const { key } = await store.put(sourceOf(small));
    await store.delete(key);
    await store.delete(key);
    expect(await store.stat(key)).toBeUndefined();
    await expect(bytesOf(store.get(key))).rejects.toMatchObject({ code: "TROUPE_BLOB_NOT_FOUND" });
    expect(await keysOf(store)).toEqual([]);
  });
}

function resumed(open: Open, partBytes: number): void {
  it.each([
    ["at the start", 0],
    ["early", 70_000],
    ["at the border of a part", partBytes],
    ["late", 2 * partBytes + 5],
  ])(
    "goes on with an upload that broke %s, after a crash of the store",
    async (_where, breakAt) => {
      const store = await open();
      const data = randomBytes(2 * partBytes + 1_000);
      const options = { upload: "run-1/report.tar", sha256: hashOf(data) };
      await expect(store.put(brokenSource(data, breakAt), options)).rejects.toThrow(
        "connection lost",
      );
      expect(await keysOf(store)).toEqual([]);

      const later = await open({ same: store });
      let openedAt = -1;
      const blob = await later.put((offset) => {
        openedAt = offset;
        return sourceOf(data)(offset);
      }, options);
      expect(blob.key).toBe(`sha256/${hashOf(data)}`);
      expect((await bytesOf(later.get(blob.key))).equals(data)).toBe(true);
      expect(openedAt).toBeLessThanOrEqual(breakAt);
      expect(openedAt).toBeGreaterThanOrEqual(Math.floor(breakAt / partBytes) * partBytes);
      expect(await later.dropUploads(Date.now() + 3_600_000)).toBe(0);
    },
  );

  it("starts over after kept bytes turned out to be wrong", async () => {
    const store = await open();
    const wrong = randomBytes(partBytes + 100);
    const right = randomBytes(partBytes + 100);
    const options = { upload: "u", sha256: hashOf(right) };
    await expect(store.put(brokenSource(wrong, wrong.length), options)).rejects.toThrow("lost");
    await expect(store.put(sourceOf(right), options)).rejects.toMatchObject({
      code: "TROUPE_BLOB_MISMATCH",
    });
    const blob = await store.put(sourceOf(right), options);
    expect((await bytesOf(store.get(blob.key))).equals(right)).toBe(true);
  });

  it("lets the second put of one upload wait for the first", async () => {
    const store = await open();
    const data = randomBytes(partBytes + 100);
    const options = { upload: "u" };
    const both = await Promise.all([
      store.put(sourceOf(data), options),
      store.put(sourceOf(data), options),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect((await bytesOf(store.get(both[0].key))).equals(data)).toBe(true);
  });

  it("forgets uploads that nobody went on with", async () => {
    const store = await open();
    const data = randomBytes(2 * partBytes);
    await expect(store.put(brokenSource(data, data.length), { upload: "left" })).rejects.toThrow(
      "lost",
    );
    expect(await store.dropUploads(Date.now() - 3_600_000)).toBe(0);
    expect(await store.dropUploads(Date.now() + 3_600_000)).toBe(1);
    let openedAt = -1;
    await store.put(
      (offset) => {
        openedAt = offset;
        return sourceOf(data)(offset);
      },
      { upload: "left" },
    );
    expect(openedAt).toBe(0);
  });
}

function appended(open: Open): void {
  const key = "logs/run-1/build.1";

  it("grows at its end, and is read across what was appended", async () => {
    const store = await open();
    const parts = Array.from({ length: 7 }, (_, n) => randomBytes(n * 1_000 + 1));
    let end = 0;
    for (const part of parts) {
      end = await store.append(key, end, part);
    }
    const whole = Buffer.concat(parts);
    expect(end).toBe(whole.length);
    expect((await bytesOf(store.get(key))).equals(whole)).toBe(true);
    const middle = await bytesOf(store.get(key, { offset: 1_500, length: 9_000 }));
    expect(middle.equals(whole.subarray(1_500, 10_500))).toBe(true);
    expect(await bytesOf(store.get(key, { offset: whole.length }))).toHaveLength(0);
    expect(await store.stat(key)).toMatchObject({ key, bytes: whole.length });
  });

  it("goes on after a crash of the store", async () => {
    const store = await open();
    await store.append(key, 0, Buffer.from("one "));
    const later = await open({ same: store });
    expect(await later.append(key, 4, Buffer.from("two"))).toBe(7);
    expect((await bytesOf(later.get(key))).toString()).toBe("one two");
  });

  it("refuses what does not begin at the end, and writes nothing of it", async () => {
    const store = await open();
    const gap = { code: "TROUPE_BLOB_GAP" };
    await expect(store.append(key, 3, small)).rejects.toMatchObject(gap);
    expect(await store.stat(key)).toBeUndefined();
    await store.append(key, 0, Buffer.from("four"));
    for (const offset of [0, 2, 5]) {
      await expect(store.append(key, offset, small)).rejects.toMatchObject({
        ...gap,
        details: { key, end: 4, gotOffset: offset },
      });
    }
    expect((await bytesOf(store.get(key))).toString()).toBe("four");
  });

  it("lets one of two writers through at one offset", async () => {
    const store = await open();
    await store.append(key, 0, Buffer.from("start "));
    const other = await open({ same: store });
    const tries = await Promise.allSettled([
      store.append(key, 6, Buffer.from("mine!")),
      store.append(key, 6, Buffer.from("yours")),
    ]);
    expect(tries.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(other.append(key, 6, Buffer.from("third"))).rejects.toMatchObject({
      code: "TROUPE_BLOB_GAP",
    });
    expect((await bytesOf(other.get(key))).toString()).toMatch(/^start (mine!|yours)$/);
  });

  it("is gone after a delete, and begins anew at 0", async () => {
    const store = await open();
    await store.append(key, 0, small);
    await store.delete(key);
    expect(await store.stat(key)).toBeUndefined();
    await expect(bytesOf(store.get(key))).rejects.toMatchObject({ code: "TROUPE_BLOB_NOT_FOUND" });
    expect(await store.append(key, 0, Buffer.from("new"))).toBe(3);
    expect((await bytesOf(store.get(key))).toString()).toBe("new");
  });
}

function keys(open: Open): void {
  it("lists by prefix, both kinds", async () => {
    const store = await open();
    const content = await store.put(sourceOf(small));
    for (const key of ["logs/a/x.1", "logs/a/y.1", "logs/ab/z.1", "notes/a"]) {
      await store.append(key, 0, small);
    }
    await store.append("logs/a/x.1", small.length, small);
    expect(await keysOf(store, "logs/a/")).toEqual(["logs/a/x.1", "logs/a/y.1"]);
    expect(await keysOf(store, "logs/a")).toEqual(["logs/a/x.1", "logs/a/y.1", "logs/ab/z.1"]);
    expect(await keysOf(store, "sha256/")).toEqual([content.key]);
    expect(await keysOf(store, "nothing/")).toEqual([]);
    expect(await keysOf(store)).toHaveLength(5);
    for await (const { key, bytes } of store.list("logs/a/x")) {
      expect([key, bytes]).toEqual(["logs/a/x.1", 2 * small.length]);
    }
  });

  it.each([
    "../../etc/passwd",
    "logs/../../x",
    "logs/./x",
    "/logs/x",
    "logs//x",
    "logs/x/",
    "logs",
    "logs/A",
    "logs/x@",
    "logs/x\0",
    "",
    `logs/${"x".repeat(800)}`,
  ])("takes no key like %j", async (key) => {
    const store = await open();
    const invalid = { code: "TROUPE_NAME_INVALID" };
    await expect(store.append(key, 0, small)).rejects.toMatchObject(invalid);
    await expect(store.stat(key)).rejects.toMatchObject(invalid);
    await expect(store.delete(key)).rejects.toMatchObject(invalid);
    await expect(bytesOf(store.get(key))).rejects.toMatchObject(invalid);
  });

  it("appends to no content, and takes no half hash", async () => {
    const store = await open();
    const { key } = await store.put(sourceOf(small));
    const invalid = { code: "TROUPE_NAME_INVALID" };
    await expect(store.append(key, small.length, small)).rejects.toMatchObject(invalid);
    await expect(store.stat("sha256/abc")).rejects.toMatchObject(invalid);
    await expect(store.put(sourceOf(small), { sha256: "ABC" })).rejects.toMatchObject(invalid);
  });
}
