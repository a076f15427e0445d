/** Templates: text with holes, filled when a job is assigned and when a run ends. Pure. */
import type { AgentExpression, Expression, Template } from "./pipeline-definition.ts";

/** Where the values of holes come from. What has no value reads as the empty text. */
export interface TemplateValues {
  parameter(name: string): string;
  output(job: string, name: string): string;
  conclusion(job: string): string;
  run(field: "id" | "pipeline" | "conclusion"): string;
}

export function fillTemplate(template: Template, values: TemplateValues): string {
  let text = "";
  for (const part of template) text += typeof part === "string" ? part : valueOf(part, values);
  return text;
}

export function fillTemplates(
  templates: Readonly<Record<string, Template>>,
  values: TemplateValues,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(templates).map(([name, template]) => [name, fillTemplate(template, values)]),
  );
}

/** The same, but for what the agent fills in. */
export function fillAllButAgents(
  template: Template,
  values: TemplateValues,
): (string | AgentExpression)[] {
  return template.map((part) => {
    if (typeof part === "string") return part;
    return isOfAgent(part) ? part : valueOf(part, values);
  });
}

export function isOfAgent(expression: Expression): expression is AgentExpression {
  return expression.ref === "agent" || expression.ref === "hash-files";
}

function valueOf(expression: Expression, values: TemplateValues): string {
  switch (expression.ref) {
    case "parameter":
      return values.parameter(expression.name);
    case "output":
      return values.output(expression.job, expression.name);
    case "conclusion":
      return values.conclusion(expression.job);
    case "run":
      return values.run(expression.field);
    case "agent":
    case "hash-files":
      // Only keys of caches have these, and they are filled by the agent.
      return "";
  }
}

/** As one writes it in YAML, without the brackets: `needs.build.outputs.sha`. */
export function expressionText(expression: Expression): string {
  switch (expression.ref) {
    case "parameter":
      return `parameters.${expression.name}`;
    case "output":
      return `needs.${expression.job}.outputs.${expression.name}`;
    case "conclusion":
      return `needs.${expression.job}.conclusion`;
    case "run":
      return `run.${expression.field}`;
    case "agent":
      return `agent.${expression.field}`;
    case "hash-files":
      return `hashFiles(${expression.patterns.map((pattern) => `'${pattern}'`).join(", ")})`;
  }
}
