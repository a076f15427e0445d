/** A pipeline's graph as text, Mermaid or DOT: pure. */
import type { JobDefinition, PipelineDefinition } from "../../actors/pipelines/index.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** Jobs by level: all of one level can run side by side once the levels above have ended. */
export function graphText(definition: PipelineDefinition, style: Style): string[] {
  const lines: string[] = [style.paint("bold", definition.name)];
  const ordinary = definition.jobs.filter((job) => !job.finally);
  const last = definition.jobs.filter((job) => job.finally);
  levelsOf(ordinary).forEach((jobs, level) => {
    lines.push(style.paint("dim", `level ${level + 1}`), ...jobRows(jobs, style));
  });
  if (last.length > 0) lines.push(style.paint("dim", "finally"), ...jobRows(last, style));
  return lines;
}

function jobRows(jobs: readonly JobDefinition[], style: Style): string[] {
  const arrow = style.unicode ? "←" : "<-";
  return table(
    jobs.map((job) => [
      `  ${job.name}`,
      style.paint("dim", job.needs.length > 0 ? `${arrow} ${job.needs.join(", ")}` : ""),
    ]),
  );
}

function levelsOf(jobs: readonly JobDefinition[]): JobDefinition[][] {
  const levelByName = new Map<string, number>();
  const levels: JobDefinition[][] = [];
  // A valid definition has no cycles, so each pass settles at least one job.
  let waiting = [...jobs];
  while (waiting.length > 0) {
    const ready = waiting.filter((job) => job.needs.every((need) => levelByName.has(need)));
    if (ready.length === 0) break;
    for (const job of ready) {
      const level = Math.max(-1, ...job.needs.map((need) => levelByName.get(need) ?? -1)) + 1;
      levelByName.set(job.name, level);
      (levels[level] ??= []).push(job);
    }
    waiting = waiting.filter((job) => !levelByName.has(job.name));
  }
  return levels;
}

export function graphMermaid(definition: PipelineDefinition): string[] {
  const ids = new Map(definition.jobs.map((job, index) => [job.name, `j${index}`]));
  return [
    "flowchart LR",
    ...definition.jobs.map((job) => `  ${ids.get(job.name)}["${job.name}"]`),
    ...definition.jobs.flatMap((job) =>
      job.needs.map((need) => `  ${ids.get(need)} --> ${ids.get(job.name)}`),
    ),
  ];
}

export function graphDot(definition: PipelineDefinition): string[] {
  return [
    `digraph ${JSON.stringify(definition.name)} {`,
    "  rankdir=LR;",
    ...definition.jobs.map((job) => `  ${JSON.stringify(job.name)};`),
    ...definition.jobs.flatMap((job) =>
      job.needs.map((need) => `  ${JSON.stringify(need)} -> ${JSON.stringify(job.name)};`),
    ),
    "}",
  ];
}
