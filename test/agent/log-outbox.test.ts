import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentLimits } from "../../src/agent/limits.ts";
import { LogOutbox } from "../../src/agent/log-outbox.ts";
import { LogSpool } from "../../src/agent/log-spool.ts";
import { temporaryFolder } from "./support/folder.ts";
import { ManualClock } from "./support/manual-clock.ts";

const wide = { flushMs: 100, windowBytes: 4 * 1024 * 1024 };

function outboxWith(link = wide) {
  const clock = new ManualClock();
  const blocked: boolean[] = [];
  const outbox = new LogOutbox({
    clock,
    spool: new LogSpool({ folder: temporaryFolder() }),
    onReady: () => {},
    onBlocked: (now) => blocked.push(now),
  });
  const drain = () => {
    const pieces: Buffer[] = [];
    for (let chunk = outbox.nextChunk(); chunk !== undefined; chunk = outbox.nextChunk()) {
      pieces.push(Buffer.from(chunk.data));
    }
    return Buffer.concat(pieces).toString();
  };
  outbox.setLink(link);
  return { clock, outbox, blocked, drain };
}

/** Its link has shown what it bears: whole pieces have gone out and came back at once. */
function fastOutbox() {
  const made = outboxWith();
  const { logChunkBytesMax } = agentLimits;
  made.outbox.append(Buffer.alloc(32 * logChunkBytesMax));
  for (let chunk = made.outbox.nextChunk(); chunk !== undefined; chunk = made.outbox.nextChunk()) {
    made.outbox.acknowledge(chunk.offset + chunk.data.length);
  }
  return made;
}

describe("the log outbox", () => {
  test("tells how long ago bytes came, whenever they get through", () => {
    const { clock, outbox } = outboxWith();
    outbox.setLink(undefined);
    outbox.append(Buffer.from("a\n"));
    clock.advance(60_000);
    outbox.append(Buffer.from("b\n"));
    clock.advance(5_000);
    outbox.setLink(wide);
    const ages = [
      { offset: 0, ageMs: 65_000 },
      { offset: 2, ageMs: 5_000 },
    ];
    expect(outbox.nextChunk()).toMatchObject({ offset: 0, times: ages });
    // A cut: the same bytes again, and older.
    outbox.setLink(undefined);
    clock.advance(1_000);
    outbox.setLink(wide);
    expect(outbox.nextChunk()).toMatchObject({ times: [{ ageMs: 66_000 }, { ageMs: 6_000 }] });
    expect(outbox.kept).toBe(4);
    outbox.acknowledge(4);
    expect(outbox.kept).toBe(0);
  });

  test("sends the first byte after a pause at once, and what follows so long after that, however steadily more come", () => {
    const { clock, outbox, drain } = outboxWith();
    outbox.append(Buffer.from("first"));
    expect(drain()).toBe("first");
    for (let count = 0; count < 9; count++) {
      outbox.append(Buffer.from("x"));
      clock.advance(11);
      expect(drain()).toBe("");
    }
    clock.advance(1);
    expect(drain()).toBe("x".repeat(9));
    clock.advance(1_000);
    expect(drain()).toBe("");
    outbox.append(Buffer.from("y"));
    expect(drain()).toBe("y");
    clock.advance(40);
    outbox.append(Buffer.from("z"));
    clock.advance(59);
    expect(drain()).toBe("");
    clock.advance(1);
    expect(drain()).toBe("z");
  });

  test("flushes at once at a whole piece, in pieces of at most that, whole ones only", () => {
    const { outbox } = fastOutbox();
    const { logChunkBytesMax } = agentLimits;
    outbox.append(Buffer.alloc(logChunkBytesMax - 1));
    expect(outbox.nextChunk()).toBeUndefined();
    outbox.append(Buffer.alloc(logChunkBytesMax + 5));
    expect(outbox.nextChunk()?.data.length).toBe(logChunkBytesMax);
    expect(outbox.nextChunk()?.data.length).toBe(logChunkBytesMax);
    expect(outbox.nextChunk()).toBeUndefined();
  });

  test("never has more on the way than the window", () => {
    const { outbox, drain } = outboxWith({ flushMs: 0, windowBytes: 10 });
    outbox.append(Buffer.from("0123456789abcdefghij"));
    expect(drain()).toBe("0123456789");
    expect(outbox.acknowledge(6)).toBe(true);
    expect(drain()).toBe("abcdef");
    outbox.acknowledge(16);
    expect(drain()).toBe("ghij");
  });

  test("does not send crumbs while the window is nearly full", () => {
    const { outbox } = outboxWith({ flushMs: 0, windowBytes: 10 });
    outbox.append(Buffer.from("0123456789abcdefghij"));
    expect(outbox.nextChunk()).toMatchObject({ offset: 0 });
    outbox.acknowledge(4);
    expect(outbox.nextChunk()).toBeUndefined();
    outbox.acknowledge(5);
    expect(outbox.nextChunk()).toMatchObject({ offset: 10, data: Buffer.from("abcde") });
  });

  test("a new link starts at the last acknowledgement, and takes one for bytes of the old link", () => {
    const { outbox, drain } = outboxWith({ flushMs: 0, windowBytes: 100 });
    outbox.append(Buffer.from("0123456789"));
    drain();
    outbox.acknowledge(3);
    outbox.setLink(undefined);
    expect(outbox.nextChunk()).toBeUndefined();
    outbox.append(Buffer.from("ab"));
    outbox.setLink({ flushMs: 0, windowBytes: 4 });
    expect(outbox.nextChunk()).toMatchObject({ offset: 3, data: Buffer.from("3456") });
    expect(outbox.acknowledge(9)).toBe(true);
    expect(drain()).toBe("9ab");
  });

  test("refuses an acknowledgement of bytes that never went out", () => {
    const { outbox } = outboxWith({ flushMs: 50, windowBytes: 100 });
    outbox.append(Buffer.from("abc"));
    outbox.append(Buffer.from("def"));
    expect(outbox.acknowledge(4)).toBe(false);
    outbox.finish();
    expect(outbox.acknowledge(7)).toBe(false);
    expect(outbox.acknowledge(6)).toBe(true);
  });

  test("stops the job while too much waits for an open link, and lets it go on at half of that", () => {
    const { outbox, blocked, drain } = outboxWith({ flushMs: 0, windowBytes: 1 });
    outbox.append(Buffer.alloc(agentLimits.logUnsentBytesMax + 1));
    expect(blocked).toEqual([true]);
    drain();
    const half = agentLimits.logUnsentBytesMax / 2;
    outbox.acknowledge(1);
    outbox.setLink({ flushMs: 0, windowBytes: half });
    drain();
    expect(blocked).toEqual([true]);
    outbox.acknowledge(half + 1);
    drain();
    expect(blocked).toEqual([true, false]);
  });

  test("does not stop the job for want of a link", () => {
    const { outbox, blocked } = outboxWith();
    outbox.setLink(undefined);
    outbox.append(Buffer.alloc(20 * agentLimits.logUnsentBytesMax));
    expect(blocked).toEqual([]);
    outbox.setLink({ flushMs: 10, windowBytes: 1_000_000 });
    expect(blocked).toEqual([true]);
    outbox.close();
  });

  test("is sent when it is finished and all is out on this link", () => {
    const { outbox, drain } = outboxWith();
    outbox.append(Buffer.from("abc"));
    outbox.finish();
    expect(outbox.isSent).toBe(false);
    expect(drain()).toBe("abc");
    expect(outbox.isSent).toBe(true);
    outbox.setLink(undefined);
    outbox.setLink({ flushMs: 100, windowBytes: 1_000 });
    expect(outbox.isSent).toBe(false);
    expect(drain()).toBe("abc");
    expect(outbox.isSent).toBe(true);
  });

  test("whatever happens to the link, the server ends up with every byte in its place", () => {
    const step = fc.oneof(
      fc.record({ append: fc.nat(40) }),
      fc.record({ receive: fc.nat(5) }),
      fc.record({ relink: fc.integer({ min: 1, max: 30 }) }),
      fc.record({ pass: fc.nat(200) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { clock, outbox } = outboxWith({ flushMs: 50, windowBytes: 7 });
        let written = "";
        let stored = "";
        const receive = (count: number) => {
          for (let taken = 0; taken < count; taken++) {
            const chunk = outbox.nextChunk();
            if (chunk === undefined) return;
            expect(chunk.offset).toBeLessThanOrEqual(stored.length);
            stored = stored.slice(0, chunk.offset) + chunk.data.toString();
            outbox.acknowledge(stored.length);
          }
        };
        for (const action of steps) {
          if ("append" in action) {
            const text = "abcdefghij".repeat(4).slice(0, action.append);
            written += text;
            outbox.append(Buffer.from(text));
          } else if ("receive" in action) receive(action.receive);
          else if ("pass" in action) clock.advance(action.pass);
          else {
            outbox.setLink(undefined);
            outbox.setLink({ flushMs: 50, windowBytes: action.relink });
          }
        }
        outbox.finish();
        receive(Number.POSITIVE_INFINITY);
        expect(stored).toBe(written);
        expect(outbox.isSent).toBe(true);
        outbox.close();
      }),
      { numRuns: 300 },
    );
  });
});
