import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  beginPart,
  endPart,
  readEntries,
  readPart,
  writeEntry,
} from "../../../src/actors/persistence/checkpoint-codec.ts";
import { readEvents, writeEvent } from "../../../src/actors/persistence/event-codec.ts";
import {
  type Frame,
  type FrameNumbers,
  FrameReader,
  FrameWriter,
} from "../../../src/actors/persistence/frame.ts";
import type { StagedEvent } from "../../../src/actors/persistence/shard-log.ts";

const identity = { journalId: "000102030405060708090a0b0c0d0e0f", shard: 7, node: "node-a" };
const reader = new FrameReader(identity.journalId, identity.shard);

function numbers(kind: FrameNumbers["kind"]): FrameNumbers {
  const seq = kind === "claim" ? 0 : 41;
  return {
    kind,
    term: 3,
    nonce: 0x1f_ffff_ffff_fffe,
    seq,
    confirmedCheckpoint: 4_294_967_297,
    clusterView: 9,
  };
}

const fullEvent: StagedEvent = {
  kind: "event",
  type: "deposited",
  schemaVersion: 2,
  timeMs: 1_767_225_600_000,
  payload: Uint8Array.from([1, 2, 3]),
  open: true,
  wakeAtMs: 1_767_225_600_500,
  idempotencyKey: "key-1",
  traceparent: "00-ab-cd-01",
  tags: ["eu", "größer"],
};

function dataFrame(events: readonly StagedEvent[]): Buffer {
  const writer = new FrameWriter(identity);
  for (const [index, event] of events.entries()) {
    writeEvent(
      writer,
      { persistenceId: `account/${index}`, sequenceNumber: index + 1, previous: index - 1 },
      event,
    );
  }
  return writer.seal(numbers("data"));
}

function checkpointFrame(): Buffer {
  const writer = new FrameWriter(identity);
  beginPart(writer);
  const entry = {
    sequenceNumber: 5,
    position: 70,
    from: 3,
    open: true,
    wakeAtMs: 12.5,
    deleted: false,
  };
  writeEntry(writer, "account/a", entry);
  writeEntry(writer, "ü", { ...entry, open: false, wakeAtMs: undefined, deleted: true });
  endPart(writer, { first: true, last: false, full: true, previous: -1 });
  return writer.seal(numbers("checkpoint"));
}

function read(bytes: Uint8Array): Frame {
  const frame = reader.read(bytes);
  if (typeof frame === "string") throw new Error(`not a frame: ${frame}`);
  return frame;
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

describe("the layout, byte for byte", () => {
  // These bytes are in people's logs: if one of these tests fails, the change is wrong, not the test.
  test("a claim", () => {
    expect(new FrameWriter(identity).seal(numbers("claim")).toString("hex")).toBe(GOLDEN_CLAIM);
  });

  test("a data frame with every field", () => {
    expect(dataFrame([fullEvent]).toString("hex")).toBe(GOLDEN_DATA);
  });

  test("a part of a checkpoint", () => {
    expect(checkpointFrame().toString("hex")).toBe(GOLDEN_CHECKPOINT);
  });
});

const GOLDEN_CLAIM = [
  "54525046010156005a00000007000000", // magic, version, kind, header length, length, shard
  "000102030405060708090a0b0c0d0e0f", // journal id
  "0000000000000000", // count, zero
  "0300000000000000", // term
  "feffffffffff1f00", // nonce
  "0000000000000000", // seq
  "0100000001000000", // checkpoint
  "0900000000000000", // view
  "6e6f64652d61", // writer
  "006b39be", // checksum
].join("");
const GOLDEN_DATA = [
  "5452504601025600c200000007000000", // magic, version, kind, header length, length, shard
  "000102030405060708090a0b0c0d0e0f", // journal id
  "0100000000000000", // count, zero
  "0300000000000000", // term
  "feffffffffff1f00", // nonce
  "2900000000000000", // seq
  "0100000001000000", // checkpoint
  "0900000000000000", // view
  "6e6f64652d61", // writer
  "68000000", // size
  "01", // kind
  "3f", // flags
  "0200", // schema version
  "0100000000000000", // sequence number
  "ffffffffffffffff", // previous
  "000080aa6db77942", // timeMs
  "0900", // id length
  "0900", // type length
  "03000000", // payload length
  "00409faa6db77942", // wakeAtMs
  "6163636f756e742f30", // persistence id
  "6465706f7369746564", // type
  "010203", // payload
  "0500", // key length
  "6b65792d31", // idempotencyKey
  "0b00", // trace length
  "30302d61622d63642d3031", // traceparent
  "02", // tags
  "0200", // tag length
  "6575", // tag
  "0800", // tag length
  "6772c3b6c39f6572", // tag
  "b521d6fb", // checksum
].join("");
const GOLDEN_CHECKPOINT = [
  "5452504601035600b500000007000000", // magic, version, kind, header length, length, shard
  "000102030405060708090a0b0c0d0e0f", // journal id
  "0200000000000000", // count, zero
  "0300000000000000", // term
  "feffffffffff1f00", // nonce
  "2900000000000000", // seq
  "0100000001000000", // checkpoint
  "0900000000000000", // view
  "6e6f64652d61", // writer
  "05", // flags: first, full
  "00000000000000", // zero
  "ffffffffffffffff", // previous
  "0900", // id length
  "03", // flags: open, wakes
  "00", // zero
  "0500000000000000", // sequence number
  "4600000000000000", // position
  "0300000000000000", // from
  "0000000000002940", // wakeAtMs
  "6163636f756e742f61", // persistence id
  "0200", // id length
  "04", // flags: deleted
  "00", // zero
  "0500000000000000", // sequence number
  "4600000000000000", // position
  "0300000000000000", // from
  "c3bc", // persistence id
  "cfa6576d", // checksum
].join("");

const text = fc.string({ unit: "grapheme", maxLength: 60 });
const stagedEvent: fc.Arbitrary<StagedEvent> = fc.record(
  {
    kind: fc.constantFrom("event" as const, "base" as const, "tombstone" as const),
    type: text,
    schemaVersion: fc.nat(65_535),
    timeMs: fc.double({ noNaN: true }),
    payload: fc.uint8Array({ maxLength: 300 }),
    open: fc.boolean(),
    wakeAtMs: fc.double({ noNaN: true }),
    idempotencyKey: text,
    traceparent: text,
    tags: fc.array(text, { maxLength: 4 }),
  },
  { requiredKeys: ["kind", "type", "schemaVersion", "timeMs", "payload"] },
);

describe("what goes in comes out", () => {
  test("events with any fields", () => {
    fc.assert(
      fc.property(fc.array(stagedEvent, { maxLength: 8 }), (events) => {
        const frame = read(dataFrame(events));
        const expected = events.map((event, index) => ({
          ...event,
          payload: Buffer.from(event.payload),
          persistenceId: `account/${index}`,
          sequenceNumber: index + 1,
          prev: index - 1,
        }));
        expect(readEvents(frame, 99)).toEqual(expected);
      }),
    );
  });

  test("the numbers of the header, up to 2^53", () => {
    const big = (min: number): fc.Arbitrary<number> =>
      fc.maxSafeNat().map((number) => Math.max(min, number));
    const header = fc.record({
      kind: fc.constant("data" as const),
      term: big(1),
      nonce: big(0),
      seq: big(1),
      confirmedCheckpoint: fc.oneof(big(0), fc.constant(-1)),
      clusterView: fc.maxSafeInteger(),
    });
    fc.assert(
      fc.property(header, (given) => {
        const frame = read(new FrameWriter(identity).seal(given));
        expect(frame).toMatchObject({ ...given, node: "node-a" });
      }),
    );
  });

  test("entries of a checkpoint", () => {
    const frame = read(checkpointFrame());
    const entries: unknown[] = [];
    readEntries(frame, (id, entry) => entries.push([id, entry]));
    expect(readPart(frame)).toEqual({ first: true, last: false, full: true, previous: -1 });
    const entry = { sequenceNumber: 5, position: 70, from: 3 };
    expect(entries).toEqual([
      ["account/a", { ...entry, open: true, wakeAtMs: 12.5, deleted: false }],
      ["ü", { ...entry, open: false, wakeAtMs: undefined, deleted: true }],
    ]);
  });

  test("a writer can be used again after `reset`, and lets a buffer go that one huge frame has grown", () => {
    const writer = new FrameWriter(identity);
    writeEvent(writer, { persistenceId: "a", sequenceNumber: 1, previous: -1 }, fullEvent);
    const first = Buffer.from(writer.seal(numbers("data")));
    writer.reset();
    writeEvent(
      writer,
      { persistenceId: "b", sequenceNumber: 2, previous: 5 },
      { ...fullEvent, payload: new Uint8Array(500_000) },
    );
    expect(writer.seal(numbers("data")).length).toBeGreaterThan(500_000);
    writer.reset();
    expect(writer.bytes.length).toBeLessThan(2_000);
    writeEvent(writer, { persistenceId: "a", sequenceNumber: 1, previous: -1 }, fullEvent);
    expect(writer.seal(numbers("data"))).toEqual(first);
  });
});

describe("bytes that are no frame of this shard get a name, and never an exception", () => {
  const frames = (): Buffer[] => [
    new FrameWriter(identity).seal(numbers("claim")),
    dataFrame([fullEvent, { ...fullEvent, tags: [] }]),
    checkpointFrame(),
  ];

  test("every single damaged byte of every kind of frame is found", () => {
    for (const sound of frames()) {
      for (let at = 0; at < sound.length; at++) {
        const damaged = Buffer.from(sound);
        damaged[at] = (damaged[at] as number) ^ 0x40;
        expect(reader.read(damaged)).toBe(at < 4 ? "not-a-frame" : "damaged");
      }
    }
  });

  test("every shortened frame is found", () => {
    for (const sound of frames()) {
      for (let length = 0; length < sound.length; length++) {
        expect(reader.read(sound.subarray(0, length))).toBe(
          length < 12 ? "not-a-frame" : "damaged",
        );
      }
    }
  });

  test("random bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        (bytes) => reader.read(bytes) === "not-a-frame",
      ),
    );
  });

  test("nonsense with a right checksum is read without an exception", () => {
    const edits = fc.array(fc.tuple(fc.nat(2_000), fc.nat(255)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(2), edits, (which, changes) => {
        const bytes = frames()[which] as Buffer;
        for (const [at, value] of changes) bytes[12 + (at % (bytes.length - 16))] = value;
        const frame = reader.read(withChecksum(bytes));
        if (typeof frame === "string") return;
        if (frame.kind === "data") expect(readEvents(frame, 1)).toHaveLength(frame.count);
        if (frame.kind === "checkpoint") {
          let entries = 0;
          readEntries(frame, () => entries++);
          expect(entries).toBe(frame.count);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test("a newer version is told from damage", () => {
    const newer = dataFrame([fullEvent]);
    newer[4] = 2;
    expect(reader.read(withChecksum(newer))).toBe("newer-version");
  });

  test("another journal's and another shard's frames", () => {
    const bytes = dataFrame([fullEvent]);
    expect(new FrameReader("ff".repeat(16), 7).read(bytes)).toBe("foreign");
    expect(new FrameReader(identity.journalId, 8).read(bytes)).toBe("foreign");
  });
});
