/** Values with holes: variables, outputs of the run, scripts. */
import type { Expression, Template } from "../pipeline-definition.ts";
import type { ProblemPath } from "../problem.ts";
import { bindHoles, holeVariable, misplacedHoleText, type ScriptHole } from "../script-holes.ts";
import { expressionText } from "../template.ts";
import { parseExpression } from "./expression-text.ts";
import type { SourceRange } from "./source-map.ts";
import { splitTemplate, type TextPart } from "./template-text.ts";
import type { Spot, YamlReader } from "./yaml-reader.ts";

/** Notes where each hole stands, under `definitionPath` and its position in the template. */
export function readTemplate(
  reader: YamlReader,
  spot: Spot,
  definitionPath: ProblemPath,
): Template | undefined {
  const text = reader.text(spot, "a text");
  if (text === undefined) return undefined;
  const parts: (string | Expression)[] = [];
  for (const part of splitTemplate(text)) {
    if (part.kind === "text") parts.push(part.text);
    else {
      const hole = readHole(reader, part, spot);
      if (hole === undefined) continue;
      reader.note([...definitionPath, parts.length], hole.spot);
      parts.push(hole.expression);
    }
  }
  return parts;
}

interface Hole extends ScriptHole {
  readonly expression: Expression;
  readonly spot: Pick<Spot, "range" | "path">;
}

/** A script of sh or bash: its holes become variables, which are added to the job's. */
export function readScript(
  reader: YamlReader,
  spot: Spot,
  job: {
    readonly shell: string;
    readonly definitionPath: ProblemPath;
    readonly taken: ReadonlySet<string>;
  },
): { readonly script: string; readonly env: Readonly<Record<string, Template>> } | undefined {
  const text = reader.text(
    spot,
    "the commands to run, as text",
    "write run: | and below it one command per line",
  );
  if (text === undefined) return undefined;
  const parts: (string | Hole)[] = [];
  for (const part of splitTemplate(text)) {
    if (part.kind === "text") parts.push(part.text);
    else {
      const hole = readHole(reader, part, spot);
      if (hole !== undefined) parts.push(hole);
    }
  }
  const { shell } = job;
  if (shell !== "sh" && shell !== "bash") {
    for (const part of parts) if (typeof part !== "string") needsEnv(reader, part, shell);
    return { script: parts.filter((part) => typeof part === "string").join(""), env: {} };
  }
  const { script, variables, misplaced } = bindHoles(parts, { shell, taken: job.taken });
  for (const { hole, why } of misplaced) {
    reader.fault(hole.spot, {
      code: "bad-expression",
      message: misplacedHoleText[why].message,
      expected: "a hole where the shell expands variables",
      received: `\${{ ${expressionText(hole.expression)} }}`,
      advice: misplacedHoleText[why].advice,
    });
  }
  for (const [variable, hole] of variables) {
    reader.note([...job.definitionPath, "env", variable], hole.spot);
  }
  const env = [...variables].map(([variable, hole]) => [variable, [hole.expression]]);
  return { script, env: Object.fromEntries(env) };
}

function readHole(
  reader: YamlReader,
  part: Extract<TextPart, { kind: "hole" }>,
  spot: Spot,
): Hole | undefined {
  // The text of an aliased value stands at its anchor.
  const written: SourceRange =
    spot.node === null ? spot.range : { start: spot.node.range[0], end: spot.node.range[1] };
  const place = { range: reader.source.holeIn(written, part.ordinal), path: spot.path };
  if (!part.closed) {
    return reader.fault(place, {
      code: "bad-expression",
      message: "a ${{ is never closed",
      expected: "}} on the same line",
      received: "the end of the line",
      advice: "close it with }}, or write $${{ for a plain ${{",
    });
  }
  const result = parseExpression(part.inner);
  if (!result.ok) {
    const { message, expected, advice } = result;
    const received = `\${{ ${part.inner} }}`;
    return reader.fault(place, { code: "bad-expression", message, expected, received, advice });
  }
  const { expression } = result;
  const key = expressionText(expression);
  return { expression, key, variable: holeVariable(key), spot: place };
}

function needsEnv(reader: YamlReader, hole: Hole, shell: string): void {
  const text = expressionText(hole.expression);
  const example = shell === "python" ? 'os.environ["VALUE"]' : "process.env.VALUE";
  reader.fault(hole.spot, {
    code: "bad-expression",
    message: `a script of ${shell} cannot have holes, because values could become code`,
    expected: "holes in env",
    received: `\${{ ${text} }}`,
    advice: `write env: { VALUE: "\${{ ${text} }}" } and read ${example} in the script`,
  });
}
