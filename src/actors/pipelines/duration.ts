/** Durations as people write them: `90s`, `5m`, `1h30m`, `500ms`, or a number of seconds. */

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds, or undefined for what is not a duration. A plain number is seconds. */
export function parseDuration(value: string | number): number | undefined {
  const text = typeof value === "number" ? String(value) : value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1_000);
  if (!/^(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$/.test(text)) return undefined;
  let sumMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)/g)) {
    sumMs += Number(amount) * (unitMs[unit ?? ""] ?? Number.NaN);
  }
  return Math.round(sumMs);
}

/** The shortest exact form: 5,400,000 → `1h30m`. */
export function durationText(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms <= 0) return `${ms}ms`;
  let text = "";
  let left = ms;
  for (const unit of ["d", "h", "m", "s", "ms"]) {
    const size = unitMs[unit] ?? 1;
    const amount = Math.floor(left / size);
    if (amount > 0) text += `${amount}${unit}`;
    left -= amount * size;
  }
  return text;
}
