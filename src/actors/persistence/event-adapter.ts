/**
 * An event map made ready for the log: which version of each event is written, how older ones are
 * lifted, and how an event changes the state. Pure.
 *
 * Invariants:
 *  A1. Handlers only ever see payloads of the newest version.
 *  A2. A stored event that this definition cannot read is an error that names it; it is never skipped.
 */
import { checkFunction, checkRecord, invalidOption, TroupeError } from "../kernel/index.ts";
import { atOnce } from "./at-once.ts";
import { ofDefinition } from "./check-definition.ts";

/** A handler with its types gone: the definition's types have checked it. */
type Apply = (state: unknown, payload: unknown) => unknown;
type Upcast = (old: unknown) => unknown;

/** The log has two bytes for the version of an event or a state. */
const versionMax = 65_535;

interface AdaptedEvent {
  readonly version: number;
  readonly apply: Apply;
  /** `upcasts[n - 1]` lifts version n to n + 1. */
  readonly upcasts: readonly Upcast[];
}

/** What `.events()` was given, as it looks at run time. */
export type RawEvent = Apply | { version: number; upcast: Record<number, Upcast>; handle: Apply };

export class EventAdapter {
  readonly #actor: string;
  readonly #events = new Map<string, AdaptedEvent>();

  /** @throws TROUPE_NAME_INVALID, TROUPE_OPTION_INVALID for a map that the types would have refused. */
  constructor(actor: string, events: Readonly<Record<string, RawEvent>>) {
    this.#actor = actor;
    for (const [type, event] of Object.entries(events)) {
      if (type === "" || type.startsWith("~")) {
        const problem = "names of events are not empty and do not start with '~'";
        throw new TroupeError("TROUPE_NAME_INVALID", { name: type, problem });
      }
      this.#events.set(type, adapted(this.#name(type), event));
    }
  }

  get types(): IterableIterator<string> {
    return this.#events.keys();
  }

  /** The version that new events of this type are written with; undefined = no such event. */
  versionOf(type: string): number | undefined {
    return this.#events.get(type)?.version;
  }

  /** The state after an event whose payload is of the newest version. */
  apply(state: unknown, type: string, payload: unknown): unknown {
    const next = atOnce(this.#of(type).apply(state, payload), () => this.#name(type));
    if (next !== undefined || state === undefined) return next;
    throw new TroupeError("TROUPE_OPTION_INVALID", {
      option: this.#name(type),
      expected: "a function that returns the new state",
      got: "nothing",
    });
  }

  #name(type: string): string {
    return `event "${type}"${ofDefinition(this.#actor)}`;
  }

  /** A stored payload, lifted to the newest version. */
  lift(type: string, version: number, payload: unknown): unknown {
    const event = this.#of(type);
    if (version === event.version) return payload;
    if (version > event.version || version < 1) {
      throw new TroupeError("TROUPE_EVENT_UNREADABLE", {
        actor: this.#actor,
        event: type,
        problem: `it was written as version ${version}, and this program knows it up to version ${event.version}`,
      });
    }
    return event.upcasts
      .slice(version - 1)
      .reduce((old, upcast) => atOnce(upcast(old), () => `upcast of ${this.#name(type)}`), payload);
  }

  #of(type: string): AdaptedEvent {
    const event = this.#events.get(type);
    if (event !== undefined) return event;
    const known = [...this.#events.keys()].join(", ");
    throw new TroupeError("TROUPE_EVENT_UNREADABLE", {
      actor: this.#actor,
      event: type,
      problem: `the definition has no such event (it has: ${known || "none"})`,
    });
  }
}

function adapted(what: string, event: RawEvent): AdaptedEvent {
  if (typeof event === "function") return { version: 1, apply: event, upcasts: [] };
  checkRecord(what, event, "a function, or an object with version, upcast and handle");
  checkFunction(`handle of ${what}`, event.handle);
  return {
    version: event.version,
    apply: event.handle,
    upcasts: upcastsOf(what, event.version, event.upcast),
  };
}

/** One upcaster for each version below the newest, in order. @throws TROUPE_OPTION_INVALID */
export function upcastsOf(
  what: string,
  version: number,
  upcast: Readonly<Record<number, Upcast>> | undefined,
): readonly Upcast[] {
  if (!Number.isInteger(version) || version < 1 || version > versionMax) {
    throw invalidOption(`version of ${what}`, `a whole number from 1 to ${versionMax}`, version);
  }
  return Array.from({ length: version - 1 }, (_, index) => {
    const step = upcast?.[index + 1];
    if (typeof step === "function") return step;
    throw new TroupeError("TROUPE_OPTION_INVALID", {
      option: `upcast of ${what}`,
      expected: `a function for each version below ${version}`,
      got: `none for version ${index + 1}`,
    });
  });
}
