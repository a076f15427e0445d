import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nextStart } from "../../src/agent/start-number.ts";
import { temporaryFolder } from "./support/folder.ts";

test("grows with every start, also when the clock goes back or the count is damaged", () => {
  const folder = temporaryFolder();
  expect(nextStart(folder, 1_000)).toBe(1_000);
  expect(nextStart(folder, 5_000)).toBe(5_000);
  expect(nextStart(folder, 0)).toBe(5_001);
  expect(nextStart(folder, 0)).toBe(5_002);
  writeFileSync(join(folder, "start"), "not a number");
  expect(nextStart(folder, 9_000)).toBe(9_000);
});
