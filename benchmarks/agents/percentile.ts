/** Of sorted values: the smallest one that is not exceeded by more than `1 - part` of them. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
