/**
 * Every kind of malformed file, with its whole report: `malformed/<name>.yaml` beside `<name>.txt`.
 * A changed message is a changed transcript: look at it, then rewrite them with `vitest -u`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isTroupeError } from "../../../src/actors/kernel/index.ts";
import { checkPipelineYaml, readPipelineYaml } from "../../../src/actors/pipelines/index.ts";

const folder = new URL("malformed/", import.meta.url);
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.slice(0, -".yaml".length))
  .sort();

const textOf = (name: string): string => readFileSync(new URL(`${name}.yaml`, folder), "utf8");

function reportOf(name: string): string {
  try {
    readPipelineYaml(textOf(name), { file: `${name}.yaml` });
  } catch (error) {
    if (isTroupeError(error, "TROUPE_PIPELINE_INVALID")) return `${error.message}\n`;
    throw error;
  }
  throw new Error(`${name}.yaml was taken`);
}

describe("malformed pipelines", () => {
  it("are of many kinds", () => {
    expect(names.length).toBeGreaterThanOrEqual(50);
  });

  it.each(names)("%s", async (name) => {
    await expect(reportOf(name)).toMatchFileSnapshot(`malformed/${name}.txt`);
  });

  it.each(names)(
    "%s: each problem says where, what was expected, what came, what to do",
    (name) => {
      const text = textOf(name);
      const result = checkPipelineYaml(text, { file: `${name}.yaml` });
      const problems = result.ok ? [] : result.problems;
      expect(problems.length).toBeGreaterThan(0);
      const lines = text.split("\n");
      for (const { position, message, expected, received, advice } of problems) {
        expect([message, expected, received, advice]).not.toContain("");
        expect(message).not.toMatch(/[.!]$/);
        const line = lines[(position?.line ?? 0) - 1];
        expect(line).toBeDefined();
        expect(position?.column).toBeGreaterThanOrEqual(1);
        expect(position?.column).toBeLessThanOrEqual((line?.length ?? 0) + 1);
        expect(position?.endColumn).toBeGreaterThan(position?.column ?? 0);
      }
    },
  );
});
