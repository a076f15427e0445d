/**
 * Reads values out of YAML nodes, and says precisely what is wrong with one that cannot be read.
 *
 *  Y1. A value that cannot be read is a problem and `undefined`; reading goes on with the others.
 *  Y2. Every value knows where it stands: for its own problems, and in the source map for the rules
 *      that judge the whole definition later.
 *  Y3. Reading is bounded: aliases are followed on demand, and every value read counts.
 */
import { isAlias, isMap, isScalar, isSeq, type ParsedNode } from "yaml";
import { limits } from "../../kernel/index.ts";
import { parseDuration } from "../duration.ts";
import { type PipelineProblem, type ProblemList, type ProblemPath, quoted } from "../problem.ts";
import { parseSize } from "../size.ts";
import { closestName } from "../suggestion.ts";
import type { ParsedSource } from "./parse-source.ts";
import { type SourceMap, type SourceRange, type SourceText } from "./source-map.ts";
import { hasHole } from "./template-text.ts";

/** A value of the file. */
export interface Spot {
  readonly node: ParsedNode | null;
  /** Where it is used; an alias stands there, not at its anchor. */
  readonly range: SourceRange;
  readonly path: ProblemPath;
  /** Its problem is known already. */
  readonly broken?: true;
}

export interface Entry {
  readonly name: string;
  readonly key: Spot;
  readonly value: Spot;
}

/** A map whose keys are all known. */
export type Fields<K extends string> = Partial<Record<K, Entry>>;

export interface KnownKeys<K extends string> {
  readonly keys: readonly K[];
  /** What to do about well-known strangers. */
  readonly hints?: Readonly<Record<string, string>>;
  /** What to do about another stranger. */
  readonly hintFor?: (entry: Entry) => string | undefined;
}

export type Fault = Omit<PipelineProblem, "path" | "position">;

/** Thrown when a file unfolds into too much; caught where reading began. */
export class TooManyNodes extends Error {}

export class YamlReader {
  readonly origins: SourceMap;
  readonly problems: ProblemList;
  readonly #parsed: ParsedSource;
  #nodesLeft = limits.pipelineNodesMax;
  /** Maps whose `<<` is being followed. */
  readonly #merging = new Set<ParsedNode>();

  constructor(parsed: ParsedSource, origins: SourceMap, problems: ProblemList) {
    this.#parsed = parsed;
    this.origins = origins;
    this.problems = problems;
  }

  get source(): SourceText {
    return this.#parsed.source;
  }

  fault(spot: Pick<Spot, "range" | "path">, fault: Fault): undefined {
    const position = this.source.positionOf(spot.range);
    this.problems.add({ ...fault, path: spot.path, position });
    return undefined;
  }

  /** This part of the definition comes from here. */
  note(definitionPath: ProblemPath, spot: Pick<Spot, "range" | "path">): void {
    this.origins.note(definitionPath, { range: spot.range, path: spot.path });
  }

  spot(node: ParsedNode | null, path: ProblemPath, near: SourceRange): Spot {
    if (this.#nodesLeft-- === 0) throw new TooManyNodes();
    const range = node === null ? near : { start: node.range[0], end: node.range[1] };
    if (!isAlias(node)) return { node, range, path };
    const target = this.#parsed.anchors.get(node);
    if (target === undefined) {
      this.fault(
        { range, path },
        {
          code: "unknown-reference",
          message: `no anchor ${quoted(node.source)} stands above this alias`,
          expected: `&${node.source} before *${node.source}`,
          received: `*${node.source}`,
          advice: "define the anchor above, or put the text in quotes",
        },
      );
      return { node: null, range, path, broken: true };
    }
    return { node: target, range, path };
  }

  /** The entries of a map, `<<` merged in: what the map says itself wins. `what` as in "expected …". */
  entries(spot: Spot, what: string, advice?: string): readonly Entry[] | undefined {
    const { node } = spot;
    if (!isMap(node)) return this.wrongType(spot, what, advice);
    const own = new Map<string, Entry>();
    const merged = new Map<string, Entry>();
    for (const pair of node.items) {
      const { key } = pair;
      const name = isScalar(key) ? String(key.value) : "";
      const path = [...spot.path, name];
      const keyRange = key === null ? spot.range : { start: key.range[0], end: key.range[1] };
      const value = this.spot(pair.value, path, keyRange);
      if (name === "<<") this.#merge(value, merged, spot);
      else {
        const entry = { name, key: { node: key, range: keyRange, path }, value };
        if (own.has(name)) this.#twice(entry);
        else own.set(name, entry);
      }
    }
    if (merged.size === 0) return [...own.values()];
    return [...own.values(), ...[...merged.values()].filter(({ name }) => !own.has(name))];
  }

  #twice({ name, key }: Entry): void {
    this.fault(key, {
      code: "duplicate",
      message: `the key ${quoted(name)} is there twice`,
      expected: "each key once",
      received: `${quoted(name)} again`,
      advice: "rename or remove one of them",
    });
  }

  #merge(value: Spot, merged: Map<string, Entry>, into: Spot): void {
    // A map merged into itself would never end.
    if (into.node === null || this.#merging.has(into.node)) return;
    this.#merging.add(into.node);
    const sources = isSeq(value.node) ? (this.items(value, "") ?? []) : [value];
    for (const source of sources) {
      for (const entry of this.entries(source, "a map to merge, or a list of maps") ?? []) {
        if (!merged.has(entry.name)) merged.set(entry.name, entry);
      }
    }
    this.#merging.delete(into.node);
  }

  /** The entries of a map that knows only `keys`; others are problems, with `hints` for well-known strangers. */
  fields<K extends string>(spot: Spot, what: string, known: KnownKeys<K>): Fields<K> | undefined {
    const entries = this.entries(spot, what);
    if (entries === undefined) return undefined;
    const fields: Fields<K> = {};
    for (const entry of entries) {
      if ((known.keys as readonly string[]).includes(entry.name)) fields[entry.name as K] = entry;
      else if (!entry.name.startsWith("x-")) this.#unknownKey(entry, known);
    }
    return fields;
  }

  #unknownKey(entry: Entry, { keys, hints = {}, hintFor }: KnownKeys<string>): void {
    const { name, key } = entry;
    if (this.problems.isFull) return this.problems.count();
    const nearest = closestName(name, [...keys, ...Object.keys(hints)]);
    // `retires` is meant as `retries`, which is called `retry` here.
    const hint = hints[nearest ?? ""] ?? hintFor?.(entry);
    this.fault(key, {
      code: "unknown-key",
      message: `the key ${quoted(name)} means nothing here`,
      expected: `one of ${keys.join(", ")}`,
      received: quoted(name),
      advice: hint ?? (nearest === undefined ? "remove it" : `did you mean ${quoted(nearest)}?`),
    });
  }

  items(spot: Spot, what: string): readonly Spot[] | undefined {
    if (!isSeq(spot.node)) return this.wrongType(spot, what);
    return spot.node.items.map((item, index) =>
      this.spot(item as ParsedNode | null, [...spot.path, index], spot.range),
    );
  }

  /** A list of texts, or a single one. */
  texts(spot: Spot, what: string): readonly { readonly text: string; readonly spot: Spot }[] {
    const spots = isSeq(spot.node) ? (this.items(spot, what) ?? []) : [spot];
    return spots.flatMap((item) => {
      const text = this.plainText(item, what);
      return text === undefined ? [] : [{ text, spot: item }];
    });
  }

  /** Text as written: `1.10` stays `1.10`. Nothing at all is a problem. */
  text(spot: Spot, what = "a text", advice?: string): string | undefined {
    const { node } = spot;
    if (!isScalar(node) || node.value === null) return this.wrongType(spot, what, advice);
    return typeof node.value === "string"
      ? node.value
      : (node.source ?? JSON.stringify(node.value));
  }

  /** Text that must be known before anything runs. */
  plainText(spot: Spot, what = "a text"): string | undefined {
    const text = this.text(spot, what);
    if (text === undefined || !hasHole(text)) return text;
    return this.fault(spot, {
      code: "bad-expression",
      message: "${{ … }} cannot stand here",
      expected: what,
      received: quoted(text),
      advice:
        "holes are filled in run, in env and in the outputs of the run; write a fixed value here",
    });
  }

  truth(spot: Spot): boolean | undefined {
    const { node } = spot;
    if (isScalar(node) && typeof node.value === "boolean") return node.value;
    const word = isScalar(node) ? String(node.value).toLowerCase() : "";
    const meant = ["yes", "on", "true", "y"].includes(word)
      ? "write true"
      : ["no", "off", "false", "n"].includes(word)
        ? "write false"
        : "write true or false";
    return this.wrongType(spot, "true or false", `${meant}, without quotes`);
  }

  number(spot: Spot, what = "a number"): number | undefined {
    const { node } = spot;
    if (isScalar(node) && typeof node.value === "number" && Number.isFinite(node.value)) {
      return node.value;
    }
    const digits = isScalar(node) && /^-?\d+(\.\d+)?$/.test(String(node.value).trim());
    return this.wrongType(spot, what, digits ? "remove the quotes" : "write it in digits");
  }

  /** Milliseconds. */
  duration(spot: Spot): number | undefined {
    const { node } = spot;
    const value = isScalar(node) ? node.value : undefined;
    const ms =
      typeof value === "string" || typeof value === "number" ? parseDuration(value) : undefined;
    return (
      ms ??
      this.wrongType(
        spot,
        "a duration: 90s, 5m, 1h30m, 500ms, or a number of seconds",
        "write a number with its unit: ms, s, m, h or d",
      )
    );
  }

  /** Bytes. */
  size(spot: Spot): number | undefined {
    const { node } = spot;
    const bytes =
      isScalar(node) && typeof node.value === "string" ? parseSize(node.value) : undefined;
    return (
      bytes ??
      this.wrongType(
        spot,
        "a size with its unit, such as 512MiB or 1.5GiB",
        "write a number with its unit: KiB, MiB, GiB, or KB, MB, GB",
      )
    );
  }

  choice<C extends string>(spot: Spot, choices: readonly C[], what: string): C | undefined {
    const text = this.plainText(spot, what);
    if (text === undefined) return undefined;
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    const suggestion = closestName(text, choices);
    return this.fault(spot, {
      code: "bad-value",
      message: `${quoted(text)} is not ${what}`,
      expected: `one of ${choices.join(", ")}`,
      received: quoted(text),
      advice:
        suggestion === undefined ? "choose one of them" : `did you mean ${quoted(suggestion)}?`,
    });
  }

  wrongType(spot: Spot, expected: string, advice = `write ${expected}`): undefined {
    if (spot.broken === true) return undefined;
    const name = spot.path.findLast((step) => typeof step === "string");
    return this.fault(spot, {
      code: "wrong-type",
      message: `${name === undefined ? "this" : quoted(name)} has a value of the wrong kind`,
      expected,
      received: kindOf(spot.node),
      advice,
    });
  }
}

/** What a node is, for "got: …". */
export function kindOf(node: ParsedNode | null): string {
  if (isMap(node)) return node.items.length === 0 ? "an empty map" : "a map";
  if (isSeq(node)) return node.items.length === 0 ? "an empty list" : "a list";
  if (!isScalar(node) || node.value === null) return "nothing";
  if (typeof node.value === "string") return `the text ${quoted(node.value)}`;
  return node.source;
}
