import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readPipelineYaml, validateDefinition } from "../../../src/actors/pipelines/index.ts";

const folder = new URL("../../../examples/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

describe("the examples", () => {
  it.each(files)("%s is sound, as a file and as what goes over the wire", (file) => {
    const definition = readPipelineYaml(readFileSync(new URL(file, folder), "utf8"), { file });
    const wire: unknown = JSON.parse(JSON.stringify(definition));
    expect(validateDefinition(wire)).toEqual({ ok: true, definition });
  });

  it("show eight or more jobs, a retry, outputs, a failure that is allowed, and finally", () => {
    const text = readFileSync(new URL("demo.yaml", folder), "utf8");
    const { jobs, outputs } = readPipelineYaml(text, { file: "demo.yaml" });
    expect(jobs.length).toBeGreaterThanOrEqual(8);
    expect(jobs.some(({ retry }) => retry.attemptsMax > 1)).toBe(true);
    expect(jobs.some(({ continueOnError }) => continueOnError)).toBe(true);
    expect(jobs.some((job) => job.finally)).toBe(true);
    expect(Object.keys(outputs)).not.toEqual([]);
  });
});
