import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ErrorEntry,
  errorTable,
  isTroupeError,
  limits,
  limitTable,
  reasonOf,
  TroupeError,
} from "../../../src/actors/kernel/index.ts";

/** Details for which every message can be made, whatever it reads or calls. */
const anyDetails: unknown = new Proxy(() => {}, {
  get: (_of, key) =>
    key === Symbol.toPrimitive || key === "toJSON" ? () => "<detail>" : anyDetails,
  apply: () => anyDetails,
});

describe("the table of errors", () => {
  test.each(Object.entries(errorTable))("%s is complete", (code, entry) => {
    const { message, retryable, outcome } = entry as unknown as ErrorEntry<unknown>;
    expect(code).toMatch(/^TROUPE_[A-Z]+(_[A-Z]+)*$/);
    expect(typeof retryable).toBe("boolean");
    const known = typeof outcome === "function" ? outcome(anyDetails) : outcome;
    expect(["not-done", "unknown"]).toContain(known);
    const text = message(anyDetails);
    expect(text.length).toBeGreaterThan(30);
    expect(text).not.toMatch(/undefined|\[object/);
  });

  test("what may have happened is not called retryable without saying so", () => {
    // A blind repeat after an unknown outcome is safe only with an idempotency key, or where a
    // new owner or incarnation refuses what was done before.
    const both = Object.entries(errorTable)
      .filter(([, entry]) => entry.retryable && entry.outcome === "unknown")
      .map(([code]) => code);
    for (const code of both) expect(code).toMatch(/JOURNAL|SHARD|RUN|LOG|AGENT|BLOB|SERVER/);
  });

  test("an error carries its code, details, outcome and cause", () => {
    const cause = new Error("why");
    const details = { actor: "/a", command: "c", reason: "why" };
    const error = new TroupeError("TROUPE_COMMAND_FAILED", details, { cause });
    expect(error).toMatchObject({
      code: "TROUPE_COMMAND_FAILED",
      details,
      cause,
      retryable: false,
    });
    expect(error.message).toContain("/a");
    expect(isTroupeError(error)).toBe(true);
    expect(isTroupeError(error, "TROUPE_COMMAND_FAILED")).toBe(true);
    expect(isTroupeError(error, "TROUPE_ASK_TIMEOUT")).toBe(false);
    expect(isTroupeError(new Error("x"))).toBe(false);
  });

  test("anything thrown has a reason", () => {
    fc.assert(fc.property(fc.anything(), (thrown) => typeof reasonOf(thrown) === "string"));
  });
});

describe("the list of bounds", () => {
  test.each(Object.entries(limitTable))("%s has default, reason and effect", (name, limit) => {
    expect(limit.default).toBeGreaterThan(0);
    expect(limit.reason.length).toBeGreaterThan(10);
    expect(limit.effect.length).toBeGreaterThan(10);
    if (limit.unit === "milliseconds") expect(name).toMatch(/Ms(Max|Min)?$/);
    expect(limits[name as keyof typeof limits]).toBe(limit.default);
  });

  test("relations hold", () => {
    expect(limits.askTimeoutMs).toBeLessThan(limits.handlerWarnMs);
    expect(limits.sliceMs).toBeLessThan(limits.blockWarnMs);
    expect(limits.turnMessagesMax).toBeLessThan(limits.mailboxMessagesMax);
  });
});
