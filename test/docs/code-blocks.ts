/** The fenced code of the README and of docs/, with the place of each block. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CodeBlock {
  /** `README.md:12`, for the test's name. */
  readonly place: string;
  readonly language: string;
  /** What follows the language on the fence line. */
  readonly flags: readonly string[];
  readonly code: string;
}

export const root = new URL("../../", import.meta.url).pathname;

export function codeBlocks(): CodeBlock[] {
  const docs = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
  const files = ["README.md", "CONTRIBUTING.md", ...docs.map((name) => join("docs", name))];
  return files.flatMap((file) => blocksOf(file, readFileSync(join(root, file), "utf8")));
}

function blocksOf(file: string, text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; language: string; flags: string[]; code: string[] } | undefined;
  text.split("\n").forEach((line, index) => {
    const fence = /^```(\S*)\s*(.*)$/.exec(line);
    if (fence === null) {
      open?.code.push(line);
    } else if (open === undefined) {
      const flags = (fence[2] ?? "").split(/\s+/).filter((flag) => flag !== "");
      open = { line: index + 1, language: fence[1] ?? "", flags, code: [] };
    } else {
      const { line: from, language, flags, code } = open;
      blocks.push({ place: `${file}:${from}`, language, flags, code: `${code.join("\n")}\n` });
      open = undefined;
    }
  });
  if (open !== undefined) throw new Error(`${file}:${open.line}: a code block that never ends`);
  return blocks;
}
