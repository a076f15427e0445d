/** A pipeline's graph as text, Mermaid or DOT: pure. */
import {
  buildGraph,
  type JobDefinition,
  levelsOf,
  type PipelineDefinition,
} from "../../actors/pipelines/index.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** Jobs by level: all of one level can run side by side once the levels above have ended. */
export function graphText(definition: PipelineDefinition, style: Style): string[] {
  const lines: string[] = [style.paint("bold", definition.name)];
  const ordinary = definition.jobs.filter((job) => !job.finally);
  const last = definition.jobs.filter((job) => job.finally);
  const { graph } = buildGraph(ordinary);
  levelsOf(graph).forEach((level, index) => {
    const jobs = level.flatMap((job) => ordinary[job] ?? []);
    lines.push(style.paint("dim", `level ${index + 1}`), ...jobRows(jobs, style));
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

export function graphMermaid(definition: PipelineDefinition): string[] {
  const ids = new Map(definition.jobs.map((job, index) => [job.name, `j${index}`]));
  const id = (name: string): string => ids.get(name) ?? name;
  return [
    "flowchart LR",
    ...definition.jobs.map((job) => `  ${id(job.name)}["${job.name}"]`),
    ...definition.jobs.flatMap((job) =>
      job.needs.map((need) => `  ${id(need)} --> ${id(job.name)}`),
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
