/** The options of a system as JavaScript may give them. Each complaint names the option. Pure. */
import { invalidOption, stopSignals } from "../kernel/index.ts";
import { checkShardCount } from "../persistence/index.ts";
import type { SystemOptions } from "./system-options.ts";

interface Port {
  readonly what: string;
  readonly methods: readonly string[];
}

const ports: Readonly<Partial<Record<keyof SystemOptions, Port>>> = {
  journal: {
    what: "an open journal, such as memoryJournal() (a journal by address is dataDir or kafka)",
    methods: ["tail", "append", "read", "readAt", "cut", "close"],
  },
  snapshots: {
    what: "an open snapshot store (one by address is redis)",
    methods: ["load", "save", "delete", "close"],
  },
  logger: {
    what: "an object with debug, info, warn, error and child",
    methods: ["debug", "info", "warn", "error", "child"],
  },
  clock: { what: "a Clock", methods: ["nowMs", "monotonicMs", "setTimer"] },
  random: { what: "a Random", methods: ["next", "uuid", "bytes"] },
};

/** @throws TROUPE_OPTION_INVALID for the first that cannot be meant. What stores and kernel ask for, they check. */
export function checkSystemOptions(options: SystemOptions): void {
  if (!isObject(options)) throw invalidOption("of createSystem", "an object with a name", options);
  const { dataDir, kafka, redis, definitions, shards, stopOnSignals } = options;
  if (dataDir !== undefined && (typeof dataDir !== "string" || dataDir === "")) {
    throw invalidOption("dataDir", "the path of a folder, as text", dataDir);
  }
  if (kafka !== undefined && !isObject(kafka)) {
    throw invalidOption("kafka", 'an object such as { brokers: ["localhost:9092"] }', kafka);
  }
  if (redis !== undefined && !isObject(redis)) {
    throw invalidOption("redis", 'an object such as { url: "redis://localhost:6379" }', redis);
  }
  if (shards !== undefined) checkShardCount(shards);
  if (definitions !== undefined && !isFunction(definitions)) {
    checkDefinitions(definitions, "a list, or a function that returns one");
  }
  if (stopOnSignals !== undefined) checkStopSignals(stopOnSignals);
  for (const [name, { what, methods }] of Object.entries(ports)) {
    const port = options[name as keyof SystemOptions];
    if (port !== undefined && !hasAll(port, methods)) throw invalidOption(name, what, port);
  }
}

/** Node would take any name, and never hear of what is none. */
function checkStopSignals(signals: unknown): void {
  const known: readonly unknown[] = stopSignals;
  if (Array.isArray(signals) && signals.every((signal) => known.includes(signal))) return;
  throw invalidOption("stopOnSignals", `a list of ${stopSignals.join(", ")}`, signals);
}

/** @throws TROUPE_OPTION_INVALID for the first that is no persistent actor. */
export function checkDefinitions(definitions: unknown, expected: string): void {
  if (!Array.isArray(definitions)) throw invalidOption("definitions", expected, definitions);
  for (const [index, definition] of definitions.entries()) {
    if (isObject(definition) && definition["kind"] === "persistent-actor") continue;
    const whole = "what definePersistentActor(…) returns in the end, by .commands(…)";
    throw invalidOption(`definitions[${index}]`, whole, definition);
  }
}

function hasAll(value: unknown, methods: readonly string[]): boolean {
  return isObject(value) && methods.every((name) => isFunction(value[name]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}
