/**
 * What a benchmark suite is, and the collector that every suite reports to.
 *
 * A figure is the median of several runs of one measurement; a ratio compares two figures of the
 * same run. Ratios across durability classes are refused: a store that fsyncs and one that does
 * not are not doing the same work.
 */
import { loadavg } from "node:os";

export type Durability = "none" | "process" | "fsync" | "replicated";

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** The median. */
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  /** What an acknowledged operation survives. "none" for work that is not durable at all. */
  readonly durability: Durability;
  readonly node: string;
  readonly loadBefore: number;
  readonly loadAfter: number;
  /** Name and version of the system measured, when it is not ours. */
  readonly peer?: string;
}

export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** For a person: ">= 4", "<= 1.1"; empty = stated without a target. */
  readonly target: string;
  /** null where there is no target. */
  readonly holds: boolean | null;
}

export interface Suite {
  readonly name: string;
  /** What the figures mean: the work, the load, the clock. */
  readonly measured: string;
  readonly notMeasured: string;
  run(bench: Bench): Promise<void>;
}

export interface MeasureOptions {
  readonly unit: string;
  readonly durability?: Durability;
  readonly peer?: string;
  /** Counted runs; default 5, with `--quick` 3. */
  readonly runs?: number;
  /** Runs not counted, first; default 1. */
  readonly warmups?: number;
}

/** Collects a suite's figures; prints each to stderr as it comes. */
export class Bench {
  readonly quick: boolean;
  readonly figures: Figure[] = [];
  readonly ratios: Ratio[] = [];
  readonly #print: (line: string) => void;

  constructor(options: { quick: boolean; print: (line: string) => void }) {
    this.quick = options.quick;
    this.#print = options.print;
  }

  /** Runs `once` several times; it returns the value of one run in `unit`. */
  async measure(
    name: string,
    options: MeasureOptions,
    once: () => number | Promise<number>,
  ): Promise<Figure> {
    const runs = options.runs ?? (this.quick ? 3 : 5);
    const loadBefore = loadavg()[0] ?? 0;
    for (let i = 0; i < (options.warmups ?? 1); i++) await once();
    const values: number[] = [];
    for (let i = 0; i < runs; i++) values.push(await once());
    return this.record(name, options, { values, loadBefore });
  }

  /** Reports values that were measured elsewhere (another process, another runtime). */
  record(
    name: string,
    options: MeasureOptions,
    measured: { readonly values: readonly number[]; readonly loadBefore?: number },
  ): Figure {
    const sorted = [...measured.values].sort((a, b) => a - b);
    const load = loadavg()[0] ?? 0;
    const figure: Figure = {
      name,
      unit: options.unit,
      value: median(sorted),
      min: sorted[0] ?? Number.NaN,
      max: sorted.at(-1) ?? Number.NaN,
      runs: sorted.length,
      durability: options.durability ?? "none",
      node: process.version,
      loadBefore: round(measured.loadBefore ?? load),
      loadAfter: round(load),
      ...(options.peer === undefined ? {} : { peer: options.peer }),
    };
    this.figures.push(figure);
    const peer = figure.peer === undefined ? "" : ` [${figure.peer}]`;
    this.#print(
      `  ${name}${peer}: ${show(figure.value)} ${figure.unit}  (${show(figure.min)} to ${show(figure.max)}, ${figure.runs} runs)`,
    );
    return figure;
  }

  /** `ours / theirs`, held against a target where there is one. */
  ratio(
    name: string,
    [ours, theirs]: readonly [Figure, Figure],
    target?: { readonly atLeast?: number; readonly atMost?: number },
  ): Ratio {
    if (ours.durability !== theirs.durability) {
      throw new Error(
        `ratio "${name}" compares durability "${ours.durability}" with "${theirs.durability}": measure both in one class`,
      );
    }
    return this.state(name, ours.value / theirs.value, target);
  }

  /** A figure held against an absolute target. */
  state(
    name: string,
    value: number,
    target?: { readonly atLeast?: number; readonly atMost?: number },
  ): Ratio {
    const holds =
      target === undefined
        ? null
        : value >= (target.atLeast ?? Number.NEGATIVE_INFINITY) &&
          value <= (target.atMost ?? Number.POSITIVE_INFINITY);
    const ratio: Ratio = { name, value, target: describe(target), holds };
    this.ratios.push(ratio);
    const verdict = holds === null ? "" : holds ? "  holds" : "  DOES NOT HOLD";
    this.#print(`  = ${name}: ${show(value)} ${ratio.target}${verdict}`);
    return ratio;
  }

  note(text: string): void {
    this.#print(`  ${text}`);
  }
}

function describe(target?: { readonly atLeast?: number; readonly atMost?: number }): string {
  if (target === undefined) return "";
  const parts: string[] = [];
  if (target.atLeast !== undefined) parts.push(`>= ${target.atLeast}`);
  if (target.atMost !== undefined) parts.push(`<= ${target.atMost}`);
  return parts.join(" and ");
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function show(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en-US");
  return String(Math.round(value * 1_000) / 1_000);
}
