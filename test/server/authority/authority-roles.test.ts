import { describe, expect, it } from "vitest";
import {
  type AuthorityRecord,
  nextChangeMs,
  rolesAt,
  withNewest,
} from "../../../src/server/authority/authority-roles.ts";

const sealedKey = { salt: new Uint8Array(), nonce: new Uint8Array(), box: new Uint8Array() };

function record(authorityId: string, createdAtMs: number, overlapMs: number): AuthorityRecord {
  return {
    authorityId,
    certificatePem: `PEM of ${authorityId}`,
    sealedKey,
    createdAtMs,
    servesFromMs: createdAtMs + overlapMs / 2,
    trustedUntilMs: createdAtMs + 1_000_000,
  };
}

const first = withNewest([], record("a", 0, 100), 100);
const second = withNewest(first, record("b", 1_000, 100), 100);

/** Who signs agents, who signs servers, who is trusted. */
function at(records: readonly AuthorityRecord[], nowMs: number) {
  const roles = rolesAt(records, nowMs);
  return (
    roles && [
      roles.issuer.authorityId,
      roles.server.authorityId,
      roles.trusted.map(({ authorityId }) => authorityId).join(","),
    ]
  );
}

describe("authorities", () => {
  it("the first one does everything at once", () => {
    expect(at(first, 0)).toEqual(["a", "a", "a"]);
  });

  it.each([
    ["at once", 1_000, ["b", "a", "b,a"]],
    ["before the half of the overlap", 1_049, ["b", "a", "b,a"]],
    ["from the half on", 1_050, ["b", "b", "b,a"]],
    ["before its end", 1_099, ["b", "b", "b,a"]],
    ["after it", 1_100, ["b", "b", "b"]],
  ])("a new one takes over: %s", (_when, nowMs, expected) => {
    expect(at(second, nowMs)).toEqual(expected);
  });

  it("without an overlap the older one counts no more, and the new one serves at once", () => {
    const records = withNewest(first, record("c", 500, 0), 0);
    expect(at(records, 500)).toEqual(["c", "c", "c"]);
    expect(records).toHaveLength(1);
  });

  it("a longer overlap does not lengthen an earlier one", () => {
    const records = withNewest(second, record("c", 1_010, 10_000), 10_000);
    expect(at(records, 1_099)?.[2]).toBe("c,b,a");
    expect(at(records, 1_100)?.[2]).toBe("c,b");
  });

  it("when all have ended there is none", () => {
    expect(at(second, 2_000_000)).toBeUndefined();
  });

  it("time changes the roles at the half and at the end", () => {
    expect(nextChangeMs(second, 1_000)).toBe(1_050);
    expect(nextChangeMs(second, 1_050)).toBe(1_100);
    expect(nextChangeMs([], 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
