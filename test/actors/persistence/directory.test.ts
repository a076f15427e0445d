import fc from "fast-check";
import { expect, test } from "vitest";
import { CheckpointParts, NO_CHECKPOINT } from "../../../src/actors/persistence/checkpoint.ts";
import { readEntries } from "../../../src/actors/persistence/checkpoint-codec.ts";
import { Directory } from "../../../src/actors/persistence/directory.ts";
import { glanceAtEvents } from "../../../src/actors/persistence/event-codec.ts";
import { type FrameNumbers, FrameReader } from "../../../src/actors/persistence/frame.ts";
import { GroupCommit } from "../../../src/actors/persistence/group-commit.ts";
import type { Commit, Seat } from "../../../src/actors/persistence/shard-log.ts";
import { event } from "./shard-fixture.ts";

const identity = { journalId: "ab".repeat(16), shard: 0, node: "n" };
const reader = new FrameReader(identity.journalId, 0);
const bounds = {
  frameBytes: 100_000,
  frameBytesMax: 100_000,
  eventBytesMax: 100_000,
  stagedBytesMax: 1e9,
  persistenceIdBytesMax: 100,
};

function numbers(kind: "data" | "checkpoint", seq: number): FrameNumbers {
  return { kind, term: 1, nonce: 1, seq, confirmedCheckpoint: -1, clusterView: 1 };
}

const step = fc.record({
  id: fc.constantFrom("a", "b", "c", "d"),
  kind: fc.constantFrom("event" as const, "event" as const, "base" as const, "tombstone" as const),
  open: fc.option(fc.boolean(), { nil: undefined }),
  wakeAtMs: fc.option(fc.nat(9), { nil: undefined }),
  endsFrame: fc.boolean(),
  /** By the seat that the entity's commit before was given. */
  isSeated: fc.boolean(),
  /** How the owner learns that the frame counts: from its answer, or from the log. */
  isRead: fc.boolean(),
  /** Comes while the frame is in flight. */
  meanwhile: fc.option(fc.constantFrom("a", "b", "c", "d"), { nil: undefined }),
});

function contents(directory: Directory): unknown {
  const entries = Array.from(directory.entries(), ([id, entry]) => [
    id,
    directory.entry(id) ?? entry,
  ]);
  return {
    entries: new Map(entries as [string, unknown][]),
    live: new Map(directory.live()),
    numbers: ["a", "b", "c", "d"].map((id) => directory.sequenceNumberOf(id)),
  };
}

function fold(directory: Directory, bytes: Buffer, position: number): void {
  const frame = reader.read(bytes);
  if (typeof frame === "string") throw new Error(frame);
  glanceAtEvents(frame, (glance) => directory.fold(glance, position));
}

test("an owner's directory is the one that a reader of its frames builds, from the start or from any checkpoint", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(20), (steps, checkpointAt) => {
      const owner = new Directory();
      const groups = new GroupCommit(identity, owner, bounds);
      const frames: { bytes: Buffer; position: number }[] = [];
      let checkpoint: { parts: Buffer[]; from: number } | undefined;
      const seats = new Map<string, Seat>();
      for (const { endsFrame, isRead, isSeated, meanwhile, id, ...fields } of steps) {
        const at = (isSeated ? seats.get(id) : undefined) ?? id;
        seats.set(id, groups.add(at, [event("", defined(fields))]).seat);
        if (!endsFrame) continue;
        const sealed = groups.seal(numbers("data", frames.length + 1));
        const position = 10 + frames.length * 10;
        frames.push({ bytes: Buffer.from(sealed.bytes), position });
        const expected = meanwhile === undefined ? 0 : groups.lastSequenceNumberOf(meanwhile) + 1;
        if (meanwhile !== undefined) {
          expect(groups.add(meanwhile, [event("")]).firstSequenceNumber).toBe(expected);
        }
        if (isRead) fold(owner, sealed.bytes, position);
        groups.landed(isRead ? undefined : position);
        if (meanwhile !== undefined) expect(groups.lastSequenceNumberOf(meanwhile)).toBe(expected);
        if (frames.length === checkpointAt) {
          const parts = new CheckpointParts(owner, NO_CHECKPOINT, {
            identity,
            partBytes: 200,
            full: true,
          });
          checkpoint = { parts: sealAll(parts), from: position };
        }
      }
      const replayed = new Directory();
      for (const { bytes, position } of frames) fold(replayed, bytes, position);
      expect(contents(replayed)).toEqual(contents(owner));
      if (checkpoint === undefined) return;
      // A sweep may begin before the checkpoint's entries were taken: twice is once.
      for (const from of [checkpoint.from, 0]) {
        const restored = new Directory();
        for (const bytes of checkpoint.parts.toReversed()) {
          const frame = reader.read(bytes);
          if (typeof frame === "string") throw new Error(frame);
          readEntries(frame, (id, entry) => restored.restore(id, entry));
        }
        for (const { bytes, position } of frames)
          if (position > from) fold(restored, bytes, position);
        expect(contents(restored)).toEqual(contents(owner));
      }
    }),
    { numRuns: 500 },
  );
});

test("a seat that its directory has forgotten, or that is one of another, is looked up again", () => {
  const directory = new Directory();
  const groups = new GroupCommit(identity, directory, bounds);
  const commit = (at: string | Seat, kind: "event" | "tombstone", position: number): Commit => {
    const made = groups.add(at, [event("", { kind })]);
    groups.seal(numbers("data", position));
    groups.landed(position);
    return made;
  };
  const { seat } = commit("a", "event", 1);
  commit(seat, "tombstone", 2);
  expect(directory.beginCheckpoint(true, 3)).toEqual([]);
  const again = commit(seat, "event", 4);
  expect(again.firstSequenceNumber).toBe(1);
  expect(again.seat).not.toBe(seat);
  expect(directory.entry("a")).toMatchObject({ sequenceNumber: 1, position: 4, from: 4 });

  const other = new Directory();
  const foreign = new GroupCommit(identity, other, bounds).add("a", [event("")]).seat;
  expect(commit(foreign, "event", 5).seat).toBe(again.seat);
  expect(directory.entry("a")).toMatchObject({ sequenceNumber: 2, position: 5, from: 4 });
});

function sealAll(parts: CheckpointParts): Buffer[] {
  const sealed: Buffer[] = [];
  do sealed.push(Buffer.from(parts.seal(numbers("checkpoint", 1))));
  while (parts.landed(1_000 + sealed.length) === undefined);
  return sealed;
}

function defined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
