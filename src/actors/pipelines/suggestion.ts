/**
 * "Did you mean …?": the candidate nearest to a misspelt name, by optimal string alignment
 * (insert, delete, replace, swap of neighbours), ignoring case.
 */

/** The nearest candidate, or undefined when none is near enough to be meant. Ties: the first one. */
export function closestName(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(name);
  let best: string | undefined;
  // A third of the letters may differ, and one of two; beyond that a suggestion confuses more than it helps.
  const most = wanted.length < 2 ? 0 : Math.max(1, Math.floor(wanted.length / 3));
  let bestDistance = most + 1;
  for (const candidate of candidates) {
    const other = fold(candidate);
    if (Math.abs(other.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, other, bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
      if (distance === 0) break;
    }
  }
  return best;
}

/** Separators and case are what people misremember most: `max_delay`, `maxDelay` and `max-delay` are one name here. */
function fold(name: string): string {
  return name
    .slice(0, 100)
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .replaceAll("_", "-");
}

/** The distance, or `limit` as soon as it cannot be below it. */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let rowMin = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      }
      row.push(cost);
      if (cost < rowMin) rowMin = cost;
    }
    if (rowMin >= limit) return limit;
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
