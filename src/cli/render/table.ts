import { stripVTControlCharacters } from "node:util";

/** Columns padded to their widest cell; colour codes do not count. No trailing blanks. */
export function table(rows: readonly (readonly string[])[], gap = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, visibleWidth(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1
          ? cell
          : cell + " ".repeat((widths[column] ?? 0) - visibleWidth(cell)),
      )
      .join(gap)
      .trimEnd(),
  );
}

export function visibleWidth(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Cuts to `width` columns; text with colour codes is cut only if it is too wide, and then loses them. */
export function clip(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  return `${stripVTControlCharacters(text).slice(0, Math.max(0, width - 1))}…`;
}
