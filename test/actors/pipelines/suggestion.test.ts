import { describe, expect, it } from "vitest";
import { closestName } from "../../../src/actors/pipelines/suggestion.ts";

describe("suggestion", () => {
  const names = ["build", "test", "max-delay", "continue-on-error", "ship"];

  it.each([
    ["biuld", "build"],
    ["bild", "build"],
    ["tests", "test"],
    ["TEST", "test"],
    ["maxDelay", "max-delay"],
    ["max_delay", "max-delay"],
    ["continue_on_eror", "continue-on-error"],
    ["shp", "ship"],
  ])("takes %s for %s", (typed, meant) => {
    expect(closestName(typed, names)).toBe(meant);
  });

  it.each(["deploy", "x", "", "completely-different"])("has no idea what %j means", (typed) => {
    expect(closestName(typed, names)).toBeUndefined();
  });

  it("takes no letter for another", () => {
    expect(closestName("d", ["a", "D2"])).toBeUndefined();
    expect(closestName("d", ["a", "D"])).toBe("D");
  });

  it("stays fast and sane for absurdly long names", () => {
    const long = "a".repeat(100_000);
    expect(closestName(long, [long.slice(1)])).toBe(long.slice(1));
  });
});
