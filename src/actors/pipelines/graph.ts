/**
 * The jobs of a pipeline as a graph: an edge leads from a job to each job that it needs. A job is its
 * position in the given list. Pure, no recursion, O(V + E) in time and memory.
 */
import type { NameIndex } from "./name-index.ts";

/** Neighbours of all jobs in one array: those of `i` are `targets[offsets[i] … offsets[i + 1])`. */
export interface Edges {
  readonly offsets: Int32Array;
  readonly targets: Int32Array;
}

export interface JobGraph {
  readonly size: number;
  /** Where two jobs share a name: the first. */
  readonly indexByName: Pick<NameIndex, "get" | "keys">;
  readonly needs: Edges;
  readonly dependents: Edges;
}

export function jobGraph(size: number, indexByName: NameIndex, needs: Edges): JobGraph {
  let dependents: Edges | undefined;
  return {
    size,
    indexByName,
    needs,
    // Whoever only wants to know whether the needs are sound does not pay for the other direction.
    get dependents(): Edges {
      dependents ??= reversed(needs);
      return dependents;
    },
  };
}

function reversed({ offsets, targets }: Edges): Edges {
  const size = offsets.length - 1;
  const reversedOffsets = new Int32Array(size + 1);
  for (const target of targets)
    reversedOffsets[target + 1] = (reversedOffsets[target + 1] ?? 0) + 1;
  for (let i = 0; i < size; i++) {
    reversedOffsets[i + 1] = (reversedOffsets[i + 1] ?? 0) + (reversedOffsets[i] ?? 0);
  }
  const next = reversedOffsets.slice(0, size);
  const reversedTargets = new Int32Array(targets.length);
  for (let from = 0; from < size; from++) {
    for (let e = offsets[from] ?? 0; e < (offsets[from + 1] ?? 0); e++) {
      const to = targets[e] ?? 0;
      const slot = next[to] ?? 0;
      reversedTargets[slot] = from;
      next[to] = slot + 1;
    }
  }
  return { offsets: reversedOffsets, targets: reversedTargets };
}

/** The neighbours of one job, as a view: no copy. */
export function neighbours({ offsets, targets }: Edges, job: number): Int32Array {
  return targets.subarray(offsets[job], offsets[job + 1]);
}

export function degree({ offsets }: Edges, job: number): number {
  return (offsets[job + 1] ?? 0) - (offsets[job] ?? 0);
}

/**
 * Every job after all that it needs: level by level, within a level by position. Jobs on a cycle,
 * and all that need them, are left out.
 */
export function topologicalOrder(graph: JobGraph): Int32Array {
  return sweep(graph).order;
}

/** For display: level 0 needs nothing, every other job stands one below the lowest that it needs. */
export function levelsOf(graph: JobGraph): readonly (readonly number[])[] {
  const { order, levels } = sweep(graph);
  const rows: number[][] = [];
  for (const job of order) {
    const level = levels[job] ?? 0;
    (rows[level] ??= []).push(job);
  }
  return rows.map((row) => row.sort((a, b) => a - b));
}

/** Kahn's algorithm: takes a job once all that it needs has been taken. */
function sweep({ size, needs, dependents }: JobGraph): {
  readonly order: Int32Array;
  readonly levels: Int32Array;
} {
  const missing = new Int32Array(size);
  const levels = new Int32Array(size);
  const order = new Int32Array(size);
  let taken = 0;
  for (let job = 0; job < size; job++) {
    missing[job] = degree(needs, job);
    if (missing[job] === 0) order[taken++] = job;
  }
  for (let head = 0; head < taken; head++) {
    const job = order[head] ?? 0;
    const below = (levels[job] ?? 0) + 1;
    const end = dependents.offsets[job + 1] ?? 0;
    for (let e = dependents.offsets[job] ?? 0; e < end; e++) {
      const dependent = dependents.targets[e] ?? 0;
      if ((levels[dependent] ?? 0) < below) levels[dependent] = below;
      const left = (missing[dependent] ?? 0) - 1;
      missing[dependent] = left;
      if (left === 0) order[taken++] = dependent;
    }
  }
  return { order: order.subarray(0, taken), levels };
}

/**
 * One cycle of each knot. A job that no order can take still misses a need which no order can take
 * either, so a walk from need to need never ends, and must come back to where it has been.
 */
export function findCycles(graph: JobGraph): number[][] {
  const { size, needs } = graph;
  const { order } = sweep(graph);
  if (order.length === size) return [];
  const taken = new Uint8Array(size);
  for (const job of order) taken[job] = 1;
  const walkOf = new Int32Array(size).fill(-1);
  const cycles: number[][] = [];
  for (let start = 0; start < size; start++) {
    if (taken[start] === 1 || walkOf[start] !== -1) continue;
    const path: number[] = [];
    let job = start;
    while (walkOf[job] === -1) {
      walkOf[job] = start;
      path.push(job);
      job = neighbours(needs, job).find((need) => taken[need] === 0) ?? start;
    }
    if (walkOf[job] === start) cycles.push(fromSmallest(path.slice(path.indexOf(job))));
  }
  return cycles;
}

/** The same cycle reads the same wherever the walk entered it. */
function fromSmallest(cycle: readonly number[]): number[] {
  const start = cycle.indexOf(cycle.reduce((least, job) => Math.min(least, job)));
  return [...cycle.slice(start), ...cycle.slice(0, start)];
}
