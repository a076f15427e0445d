import { describe, expect, test } from "vitest";
import { agentLimits } from "../../src/agent/limits.ts";
import { MessageBuffers } from "../../src/agent/message-buffers.ts";

const large = agentLimits.logChunkBytesMax;

describe("memory for messages", () => {
  test("is as long as the message", () => {
    const buffers = new MessageBuffers();
    for (const bytes of [0, 1, 100, large, large + 4_096, 4 * large]) {
      expect(buffers.take(bytes).length).toBe(bytes);
    }
  });

  test("is used again once its message has gone out, and never before", () => {
    const buffers = new MessageBuffers();
    const first = buffers.take(large);
    const second = buffers.take(large);
    expect(second.buffer).not.toBe(first.buffer);
    buffers.release();
    expect(buffers.take(large).buffer).toBe(first.buffer);
    buffers.release();
    expect(buffers.take(large - 1).buffer).toBe(second.buffer);
  });

  test("small messages between large ones leave the order as it is", () => {
    const buffers = new MessageBuffers();
    const small = buffers.take(10);
    const first = buffers.take(large);
    buffers.release();
    const second = buffers.take(large);
    expect(second.buffer).not.toBe(first.buffer);
    expect(second.buffer).not.toBe(small.buffer);
    buffers.release();
    expect(buffers.take(large).buffer).toBe(first.buffer);
  });

  test("a message too large for a spare has memory of its own, which is not kept", () => {
    const buffers = new MessageBuffers();
    const huge = buffers.take(4 * large);
    buffers.release();
    expect(buffers.take(4 * large).buffer).not.toBe(huge.buffer);
  });
});
