/** Finds the holes `${{ … }}` of a text. `$${{` stands for a plain `${{`. Pure. */

export type TextPart =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "hole";
      /** Between the brackets, trimmed. */
      readonly inner: string;
      /** Which `${{` of the whole text this is, from 0: finds it in the file again. */
      readonly ordinal: number;
      readonly closed: boolean;
    };

const opening = "${{";

export function hasHole(text: string): boolean {
  return text.includes(opening);
}

export function splitTemplate(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let plain = "";
  let at = 0;
  for (let ordinal = 0; ; ordinal++) {
    const open = text.indexOf(opening, at);
    if (open === -1) break;
    if (text[open - 1] === "$" && open > at) {
      plain += text.slice(at, open - 1) + opening;
      at = open + opening.length;
      continue;
    }
    const close = text.indexOf("}}", open);
    const end = close === -1 ? endOfLine(text, open) : close;
    plain += text.slice(at, open);
    if (plain !== "") parts.push({ kind: "text", text: plain });
    plain = "";
    const inner = text.slice(open + opening.length, end).trim();
    parts.push({ kind: "hole", inner, ordinal, closed: close !== -1 });
    at = close === -1 ? end : close + 2;
    // A `${{` inside of an unclosed hole's line is skipped with it, and must be counted.
    ordinal += countOpenings(text.slice(open + opening.length, at));
  }
  plain += text.slice(at);
  if (plain !== "") parts.push({ kind: "text", text: plain });
  return parts;
}

function endOfLine(text: string, from: number): number {
  const newline = text.indexOf("\n", from);
  return newline === -1 ? text.length : newline;
}

function countOpenings(text: string): number {
  return text.split(opening).length - 1;
}
