/**
 * What a job says to the jobs after it, through the file named by $TROUPE_OUTPUT:
 *
 *     name=value
 *     name<<END
 *     several
 *     lines
 *     END
 *
 * The same name again replaces the value. Only declared names count.
 */
import { readJobFile } from "./job-file.ts";
import { agentLimits } from "./limits.ts";

export interface Outputs {
  readonly values: Readonly<Record<string, string>>;
  /** Written, but not declared by the job: left out, and said in its log. */
  readonly undeclared: readonly string[];
  /** A sentence for a person; the outputs are then empty, and a job that went well has failed. */
  readonly problem: string | undefined;
}

export interface OutputsOptions {
  readonly declared: readonly string[];
  /** Does this text hold a secret? Outputs are stored, secrets must never be. */
  readonly holdsSecret: (text: string) => boolean;
}

/** Reads and checks the file. Never throws for what a job did to it. */
export async function readOutputs(path: string, options: OutputsOptions): Promise<Outputs> {
  let text: string;
  try {
    text = await readBounded(path);
  } catch (error) {
    return failed(error instanceof OutputsError ? error.message : unreadable(error));
  }
  try {
    return check(parseOutputs(text), options);
  } catch (error) {
    if (error instanceof OutputsError) return failed(error.message);
    throw error;
  }
}

/** Name → value in the order of the file. Throws `OutputsError` with the line that makes no sense. */
export function parseOutputs(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = withoutReturn(lines[index] ?? "");
    if (line.trim() === "") continue;
    const [, name = "", operator, rest = ""] = /^([^=<]*)(=|<<)(.*)$/s.exec(line) ?? [];
    if (operator === undefined) {
      throw new OutputsError(`line ${index + 1}: expected name=value or name<<END`);
    }
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) {
      throw new OutputsError(`line ${index + 1}: ${JSON.stringify(name)} is no output name`);
    }
    if (operator === "=") {
      values.set(name, rest);
      continue;
    }
    const end = lines.findIndex((line, at) => at > index && withoutReturn(line) === rest);
    if (rest === "" || end < 0) {
      throw new OutputsError(`line ${index + 1}: ${name}<<${rest} is never closed by that word`);
    }
    values.set(name, lines.slice(index + 1, end).join("\n"));
    index = end;
  }
  return values;
}

export class OutputsError extends Error {}

function check(written: ReadonlyMap<string, string>, options: OutputsOptions): Outputs {
  const values: Record<string, string> = {};
  const undeclared: string[] = [];
  for (const [name, value] of written) {
    if (!options.declared.includes(name)) {
      undeclared.push(name);
      continue;
    }
    const bytes = Buffer.byteLength(value);
    if (bytes > agentLimits.outputValueBytesMax) {
      const most = agentLimits.outputValueBytesMax;
      throw new OutputsError(`output ${name} takes ${bytes} bytes, the most is ${most}`);
    }
    if (options.holdsSecret(value)) {
      throw new OutputsError(`output ${name} holds the value of a secret, and outputs are stored`);
    }
    values[name] = value;
  }
  return { values, undeclared, problem: undefined };
}

async function readBounded(path: string): Promise<string> {
  const most = agentLimits.outputsFileBytesMax;
  const { text, size } = await readJobFile(path, most);
  if (size <= most) return text;
  throw new OutputsError(`$TROUPE_OUTPUT takes ${size} bytes, the most is ${most}`);
}

function unreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "the job removed the file of $TROUPE_OUTPUT";
  if (code === "ELOOP") return "the job put a link in the place of $TROUPE_OUTPUT";
  return `$TROUPE_OUTPUT cannot be read: ${(error as Error).message}`;
}

function failed(problem: string): Outputs {
  return { values: {}, undeclared: [], problem };
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
