/**
 * Makes the graph of jobs from their names and needs. Pure, no recursion, O(V + E) in time and memory.
 *
 *  G1. A job is its position in the given list; names are looked up here, once.
 *  G2. The graph holds only sound edges: an unknown need, a need of itself or one named twice is a
 *      problem and no edge. Cycles are edges and are problems.
 *  G3. Same input, same order: nothing depends on the order of an index.
 */
import { type Edges, findCycles, type JobGraph, jobGraph } from "./graph.ts";
import { NameIndex } from "./name-index.ts";
import { closestName } from "./suggestion.ts";

export interface GraphNode {
  readonly name: string;
  readonly needs: readonly string[];
}

/** `job` and `first` are positions of jobs, `at` is the position in the job's `needs`. */
export type GraphProblem =
  | { readonly kind: "duplicate-job"; readonly job: number; readonly first: number }
  | NeedProblem
  /** Each needs the next one, the last one needs the first. */
  | { readonly kind: "cycle"; readonly jobs: readonly number[] };

type NeedProblem = { readonly job: number; readonly at: number } & (
  | { readonly kind: "unknown-need"; readonly suggestion: string | undefined }
  | { readonly kind: "self-need" }
  | { readonly kind: "repeated-need" }
);

export interface GraphReport {
  readonly graph: JobGraph;
  /** Empty = a sound graph. At most one cycle of each knot is named. */
  readonly problems: readonly GraphProblem[];
}

/** Looking through all names costs O(V) each; a file with more unknown needs than this has another problem. */
const suggestionsMax = 20;

/** In place of an edge: a need whose job has not been seen yet, or that is unsound. */
const noEdge = -1;

interface OpenNeed {
  readonly need: string;
  readonly job: number;
  readonly at: number;
  readonly edge: number;
}

export function buildGraph(nodes: readonly GraphNode[]): GraphReport {
  const builder = new GraphBuilder(nodes.length);
  for (const node of nodes) builder.add(node);
  return builder.finish();
}

function cycleProblem(jobs: readonly number[]): GraphProblem {
  return { kind: "cycle", jobs };
}

/**
 * Takes the jobs one after the other, so that whoever looks at each of them anyway has to do it once:
 * with 100,000 jobs the time goes into fetching them from memory, not into what is done with them.
 */
export class GraphBuilder {
  readonly #indexByName: NameIndex;
  readonly #offsets: Int32Array;
  #targets: Int32Array;
  #edges = 0;
  #size = 0;
  /** Needs of jobs that come later or do not exist. */
  readonly #open: OpenNeed[] = [];
  /** For each job: the last one that named it, so that a repetition is seen without a set per job. */
  readonly #namedBy: Int32Array;
  readonly #duplicates: GraphProblem[] = [];
  readonly #needProblems: NeedProblem[] = [];

  constructor(size: number) {
    this.#indexByName = new NameIndex(size);
    this.#offsets = new Int32Array(size + 1);
    this.#targets = new Int32Array(2 * size);
    this.#namedBy = new Int32Array(size).fill(-1);
  }

  add({ name, needs }: GraphNode): void {
    const job = this.#size++;
    const first = this.#indexByName.add(name);
    if (first !== job) this.#duplicates.push({ kind: "duplicate-job", job, first });
    for (let at = 0; at < needs.length; at++) {
      const need = needs[at] ?? "";
      const target = this.#indexByName.get(need);
      if (need === name) this.#refuse({ kind: "self-need", job, at });
      else if (target !== undefined) this.#addEdge(this.#sound(target, job, at));
      else {
        this.#open.push({ need, job, at, edge: this.#edges });
        this.#addEdge(noEdge);
      }
    }
    this.#offsets[job + 1] = this.#edges;
  }

  finish(): GraphReport {
    this.#closeOpenNeeds();
    const graph = jobGraph(this.#size, this.#indexByName, this.#soundEdges());
    // Where each job needs only jobs above it, no path leads back.
    const cycles = this.#open.length === 0 ? [] : findCycles(graph);
    this.#needProblems.sort((a, b) => a.job - b.job || a.at - b.at);
    return {
      graph,
      problems: [...this.#duplicates, ...this.#needProblems, ...cycles.map(cycleProblem)],
    };
  }

  #closeOpenNeeds(): void {
    let suggestions = 0;
    for (const { need, job, at, edge } of this.#open) {
      const target = this.#indexByName.get(need);
      if (target !== undefined) {
        this.#targets[edge] = this.#sound(target, job, at);
        continue;
      }
      const names = this.#indexByName.keys();
      const suggestion = suggestions++ < suggestionsMax ? closestName(need, names) : undefined;
      this.#refuse({ kind: "unknown-need", job, at, suggestion });
    }
  }

  #sound(target: number, job: number, at: number): number {
    if (this.#namedBy[target] !== job) {
      this.#namedBy[target] = job;
      return target;
    }
    this.#refuse({ kind: "repeated-need", job, at });
    return noEdge;
  }

  #refuse(problem: NeedProblem): void {
    this.#needProblems.push(problem);
  }

  #addEdge(target: number): void {
    if (this.#edges === this.#targets.length) {
      const wider = new Int32Array(2 * this.#edges + 16);
      wider.set(this.#targets);
      this.#targets = wider;
    }
    this.#targets[this.#edges++] = target;
  }

  /** Without the gaps that unsound needs have left. */
  #soundEdges(): Edges {
    if (this.#needProblems.length === 0) {
      return { offsets: this.#offsets, targets: this.#targets.subarray(0, this.#edges) };
    }
    const offsets = new Int32Array(this.#size + 1);
    const targets: number[] = [];
    for (let job = 0; job < this.#size; job++) {
      for (const target of this.#targets.subarray(this.#offsets[job], this.#offsets[job + 1])) {
        if (target !== noEdge) targets.push(target);
      }
      offsets[job + 1] = targets.length;
    }
    return { offsets, targets: Int32Array.from(targets) };
  }
}
