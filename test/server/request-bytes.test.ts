/** The hand-written paths for log bytes say exactly what the generated code says. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectRequest } from "../../proto/troupe/agent/v1/agent.ts";
import { requestBytes } from "../../src/agent/request-bytes.ts";
import { requestFromBytes } from "../../src/server/request-from-bytes.ts";

const newBuffer = (bytes: number): Buffer => Buffer.alloc(bytes);
const log = fc
  .record({
    attempt: fc.option(fc.record({ runId: fc.string(), job: fc.string(), attempt: fc.nat() }), {
      nil: undefined,
    }),
    offset: fc.oneof(fc.nat(), fc.maxSafeNat()),
    data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    times: fc.array(fc.record({ offset: fc.maxSafeNat(), ageMs: fc.nat() }), { maxLength: 3 }),
  })
  .map((value): ConnectRequest => ({ message: { $case: "log", value } }));
const heartbeat = fc.nat().map(
  (sequence): ConnectRequest => ({
    message: { $case: "heartbeat", value: { sequence, running: [] } },
  }),
);

function generated(bytes: Buffer): ConnectRequest | "no message" {
  try {
    return ConnectRequest.decode(bytes);
  } catch {
    return "no message";
  }
}

function ours(bytes: Buffer): ConnectRequest | "no message" {
  try {
    return requestFromBytes(bytes);
  } catch {
    return "no message";
  }
}

describe("a message of the agent", () => {
  test("goes out as the generated code would write it, and comes in as it would read it", () => {
    fc.assert(
      fc.property(fc.oneof(log, heartbeat), (request) => {
        const bytes = requestBytes(request, newBuffer);
        expect(bytes.equals(Buffer.from(ConnectRequest.encode(request).finish()))).toBe(true);
        expect(requestFromBytes(bytes)).toEqual(ConnectRequest.decode(bytes));
      }),
    );
  });

  test("is read as the generated code would read it, whatever was done to its bytes", () => {
    const damage = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { maxLength: 3 });
    fc.assert(
      fc.property(log, damage, fc.nat(), (request, changes, cut) => {
        const whole = requestBytes(request, newBuffer);
        for (const { at, to } of changes) whole[at % whole.length] = to;
        const bytes = whole.subarray(0, whole.length - (cut % 3));
        expect(ours(bytes)).toEqual(generated(bytes));
      }),
      { numRuns: Number(process.env["TROUPE_FUZZ_RUNS"] ?? 20_000) },
    );
  });

  test("shares the log's bytes with the network's buffer", () => {
    const data = Buffer.from("a line\n");
    const value = { attempt: { runId: "r", job: "j", attempt: 1 }, offset: 7, data, times: [] };
    const bytes = requestBytes({ message: { $case: "log", value } }, newBuffer);
    const { message } = requestFromBytes(bytes);
    expect(message?.$case === "log" && message.value.data.buffer).toBe(bytes.buffer);
  });
});
