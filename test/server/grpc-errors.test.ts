import { type ServiceError, status } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTroupeError, TroupeError } from "../../src/actors/kernel/index.ts";
import { serviceErrorOf, troupeErrorOf } from "../../src/server/grpc-errors.ts";

const call = { name: "getRun", server: "/data" };

function overTheWire(error: unknown): TroupeError {
  const { code, details, metadata } = serviceErrorOf(error);
  const received: ServiceError = Object.assign(new Error(details), {
    code: code ?? status.UNKNOWN,
    details: details ?? "",
    metadata,
  });
  return troupeErrorOf(received, call);
}

describe("an error across the wire", () => {
  it("arrives as it was thrown: code, details, text", () => {
    const thrown = new TroupeError("TROUPE_RUN_NOT_FOUND", { run: "r-1" });
    const arrived = overTheWire(thrown);
    expect(arrived.code).toBe("TROUPE_RUN_NOT_FOUND");
    expect(arrived.details).toEqual({ run: "r-1" });
    expect(arrived.message).toBe(thrown.message);
    expect(serviceErrorOf(thrown).code).toBe(status.NOT_FOUND);
  });

  it("that is not one of ours arrives as a failure of the server", () => {
    expect(overTheWire(new TypeError("x is undefined"))).toMatchObject({
      code: "TROUPE_SERVER_FAILED",
      details: { call: "getRun", reason: "x is undefined" },
    });
  });

  it.each([
    "connect ENOENT",
    "No connection established. Last error: Error: connect ENOENT. Resolution note: ",
    "No connection established. Last error: connect ENOENT. Resolution note: none",
  ])("is unreachable when nobody answers: %s", (details) => {
    const refused = Object.assign(new Error(`14 UNAVAILABLE: ${details}`), {
      code: status.UNAVAILABLE,
      details,
    });
    expect(troupeErrorOf(refused, call)).toMatchObject({
      code: "TROUPE_SERVER_UNREACHABLE",
      retryable: true,
      details: { server: "/data", reason: "connect ENOENT" },
    });
  });

  it("fits into headers, whatever is in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20_000 }), (run) => {
        const { details, metadata } = serviceErrorOf(
          new TroupeError("TROUPE_RUN_NOT_FOUND", { run }),
        );
        expect(encodeURI(details ?? "").length).toBeLessThan(40_000);
        const bytes = metadata?.get("troupe-error-bin")[0]?.length ?? 0;
        expect(bytes).toBeLessThanOrEqual(16_000);
      }),
      { numRuns: 50 },
    );
  });

  it("with a long list keeps its code and the beginning of the list", () => {
    const known = Array.from({ length: 10_000 }, (_, i) => `job-number-${i}`);
    const arrived = overTheWire(
      new TroupeError("TROUPE_JOB_NOT_FOUND", { run: "r", job: "j", known }),
    );
    expect(isTroupeError(arrived, "TROUPE_JOB_NOT_FOUND") && arrived.details.known[0]).toBe(
      "job-number-0",
    );
  });
});
