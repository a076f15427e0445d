/** Pipelines of any size, all of one shape: layers of a hundred jobs, each needing two of the layer above. */
import type { PipelineDefinition } from "../../src/actors/pipelines/index.ts";

const width = 100;

export function layeredPipeline(size: number): PipelineDefinition {
  return {
    name: `layers-${size}`,
    parameters: [{ name: "version", type: "string", required: false, default: "1" }],
    jobs: Array.from({ length: size }, (_, index) => ({
      name: `job-${index}`,
      needs: needsOf(index),
      finally: false,
      shell: "sh" as const,
      script: 'echo "hello"',
      env: { VERSION: [{ ref: "parameter" as const, name: "version" }] },
      secrets: {},
      outputs: ["sha"],
      labels: { os: "linux" },
      timeoutMs: 60_000,
      killGraceMs: 10_000,
      retry: { attemptsMax: 3, initialDelayMs: 1_000, factor: 2, delayMaxMs: 60_000 },
      continueOnError: false,
      priority: 0,
    })),
    outputs: {},
    failFast: false,
  };
}

function needsOf(index: number): string[] {
  if (index < width) return [];
  const beside = index % width === width - 1 ? index - width + 1 - width : index + 1 - width;
  return [`job-${index - width}`, `job-${beside}`];
}

/** The same as a file. */
export function layeredYaml(size: number): string {
  const jobs = Array.from({ length: size }, (_, index) =>
    [
      `  job-${index}:`,
      `    needs: [${needsOf(index).join(", ")}]`,
      "    timeout: 1m",
      "    retry: 2",
      "    labels: { os: linux }",
      "    outputs: [sha]",
      "    env:",
      "      VERSION: ${{ parameters.version }}",
      "    run: |",
      '      echo "hello ${{ run.id }}"',
      '      echo "sha=1" >> "$TROUPE_OUTPUT"',
    ].join("\n"),
  );
  return `name: layers\nparameters:\n  version: { default: "1" }\njobs:\n${jobs.join("\n")}\n`;
}
