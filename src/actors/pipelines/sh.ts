/** What the builder's templates are made of: values that are known only when a job runs, and text around them. */
import type { Expression, Template } from "./pipeline-definition.ts";
import { holeVariable, type ScriptHole } from "./script-holes.ts";
import { expressionText } from "./template.ts";

/** A value that a run will have: a parameter, an output, a conclusion. `T` is what it holds then. */
export type ExpressionOf<T> = Expression & {
  /** Types only. */
  readonly "~value"?: T;
  /** Throws: the value is not known while the pipeline is defined. */
  toString(): never;
};

/** A secret by name. Its value reaches only the job, as an environment variable, and never the definition. */
export interface Secret {
  readonly secret: string;
  /** Throws: a secret is never text of a definition. */
  toString(): never;
}

/** A script with holes, made by `sh`. */
export interface ShellScript {
  readonly parts: readonly (string | ShellHole)[];
  /** Throws: its values are not known yet. */
  toString(): never;
}

export interface ShellHole extends ScriptHole {
  readonly value: Template | Secret;
}

/** What may stand between `${` and `}` of an `sh` script. */
export type ShellValue = Expression | Secret | string | number | boolean;

/** Text with values in it, for variables and outputs, made by `template`. */
export interface TextTemplate {
  readonly template: Template;
  /** Throws: its values are not known yet. */
  toString(): never;
}

/**
 * A script of sh or bash. Each `${value}` becomes an environment variable, and the script a quoted
 * reference to it: a value with spaces, quotes or `$(…)` in it stays one plain value.
 *
 *   run: sh`./deploy ${pipeline.parameters.target} ${checkout.outputs.sha}`
 *
 * Backslashes are taken as they are written: `\n` is a backslash and an n.
 */
export function sh(texts: TemplateStringsArray, ...values: readonly ShellValue[]): ShellScript {
  const parts = texts.raw.flatMap((text, index): (string | ShellHole)[] => {
    // A backquote cannot be written in a template without a backslash.
    const plain = text.replaceAll("\\`", "`").replaceAll("\\${", "${");
    const value = values[index];
    return value === undefined ? [plain] : [plain, holeOf(value)];
  });
  return new Script(parts.filter((part) => part !== ""));
}

/** Text with values in it: `env: { URL: template`https://${host.outputs.name}/` }`. */
export function template(
  texts: TemplateStringsArray,
  ...values: readonly (Expression | string | number | boolean)[]
): TextTemplate {
  const parts: (string | Expression)[] = [];
  texts.forEach((piece, index) => {
    if (piece !== "") parts.push(piece);
    const value = values[index];
    if (value === undefined) return;
    parts.push(typeof value === "object" ? plainExpression(value) : String(value));
  });
  return new Text(parts);
}

/**
 * For the key of a cache: a hash over the content of all files whose paths match, as they are when the job begins.
 * `**` stands for folders, and a pattern that begins with `!` takes files out again.
 */
export function hashFiles(...patterns: readonly string[]): ExpressionOf<string> {
  return expressionOf({ ref: "hash-files", patterns });
}

class Script implements ShellScript {
  readonly parts: readonly (string | ShellHole)[];

  constructor(parts: readonly (string | ShellHole)[]) {
    this.parts = parts;
  }

  toString(): never {
    throw notText("a script made by sh", "give it to run: as it is");
  }
}

class Text implements TextTemplate {
  readonly template: Template;

  constructor(template: Template) {
    this.template = template;
  }

  toString(): never {
    throw notText(
      "a text made by template",
      "give it to env: or to the outputs of the run as it is",
    );
  }
}

class SecretReference implements Secret {
  readonly secret: string;

  constructor(secret: string) {
    this.secret = secret;
  }

  toString(): never {
    throw notText(
      `the secret "${this.secret}"`,
      "give it to env: of a job, or put it into an sh script: sh`… ${secret}`",
    );
  }
}

export function secretNamed(name: string): Secret {
  return new SecretReference(name);
}

export function isScript(value: unknown): value is ShellScript {
  return value instanceof Script;
}

export function isText(value: unknown): value is TextTemplate {
  return value instanceof Text;
}

export function isSecret(value: unknown): value is Secret {
  return value instanceof SecretReference;
}

const lookAlike = {
  toString(this: Expression): never {
    throw notText(
      `the value ${expressionText(this)}`,
      "use sh`…` for scripts and template`…` for other texts, or give it to env: as it is",
    );
  },
};

/** Plain data, except that it refuses to become text: `echo ${value}` without `sh` would be a silent mistake. */
export function expressionOf<T>(expression: Expression): ExpressionOf<T> {
  return Object.assign(Object.create(lookAlike) as typeof lookAlike, expression);
}

/** As it is stored. */
export function plainExpression(expression: Expression): Expression {
  return { ...expression };
}

function notText(what: string, advice: string): TypeError {
  return new TypeError(`${what} is not known while the pipeline is defined; ${advice}`);
}

function holeOf(value: ShellValue): ShellHole {
  if (isSecret(value)) {
    // A plain shell variable of the secret's own name: it is not exported to what the script starts.
    const variable = value.secret.replace(/[^A-Za-z0-9_]+/g, "_");
    return { key: `secret ${value.secret}`, variable, value };
  }
  if (typeof value === "object") {
    const key = expressionText(value);
    return { key, variable: holeVariable(key), value: [plainExpression(value)] };
  }
  return {
    key: `value ${typeof value} ${value}`,
    variable: holeVariable("value"),
    value: [String(value)],
  };
}
