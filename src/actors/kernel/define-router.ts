import type { Ask } from "./ask.ts";
import {
  type Blueprint,
  type GivenOptions,
  type How,
  handedOn,
  type Program,
  type Spawnable,
} from "./blueprint.ts";
import type { Cell } from "./cell.ts";
import { invalidOption } from "./check-options.ts";
import { HashRing } from "./hash-ring.ts";
import type { Incarnation } from "./incarnation.ts";

/** A message on its way through a router. */
export interface Routed {
  /** Name of the command; empty for a plain message. */
  readonly command: string;
  /** The inputs of the command, or the plain message as the only one. */
  readonly input: readonly unknown[];
}

/** How a router chooses among its actors. */
export type Route =
  | { readonly strategy: "round-robin" }
  | { readonly strategy: "consistent-hash"; readonly key: (message: Routed) => string };

/** One after the other. */
export const roundRobin: Route = { strategy: "round-robin" };

/** All messages of one key go to the same actor; few keys move when an actor is gone. */
export function consistentHash(key: (message: Routed) => string): Route {
  return { strategy: "consistent-hash", key };
}

export interface RouterOptions<H, P> {
  /** What the router's actors are. It is spoken to as if it were one of them. */
  readonly routee: Spawnable<H, P>;
  /** Number of actors, 1 or more. */
  readonly size: number;
  /** Default round robin. */
  readonly route?: Route;
}

/**
 * Chooses for each message, and hands it on together with its ask.
 *
 *   I1. Only living actors are chosen. One that has ended for good is taken out.
 *   I2. With the last one the router itself stops.
 */
class RouterProgram implements Program {
  readonly #life: Incarnation;
  readonly #route: Route;
  readonly #routees = new Map<string, Cell>();
  #order: Cell[] = [];
  #ring: HashRing<Cell> | undefined;
  #next = 0;

  constructor(life: Incarnation, route: Route) {
    this.#life = life;
    this.#route = route;
  }

  add(routee: Cell): void {
    this.#routees.set(routee.name, routee);
    this.#change();
    this.#life.watch(routee.ref, () => {
      this.#routees.delete(routee.name);
      this.#change();
      if (this.#routees.size === 0) this.#life.stop();
    });
  }

  #change(): void {
    this.#order = [...this.#routees.values()];
    this.#ring = undefined;
  }

  receive(what: unknown, how: string | Ask | null): unknown {
    const routee =
      this.#route.strategy === "round-robin" ? this.#turnOf() : this.#ownerOf(what, how);
    const to: { post(what: unknown, how: How): void } = routee ?? this.#life.cell;
    to.post(what, how);
    return handedOn;
  }

  #turnOf(): Cell | undefined {
    this.#next = (this.#next + 1) % this.#order.length;
    return this.#order[this.#next];
  }

  #ownerOf(what: unknown, how: string | Ask | null): Cell | undefined {
    if (this.#route.strategy !== "consistent-hash") return undefined;
    const routed: Routed =
      how === null
        ? { command: "", input: [what] }
        : {
            command: typeof how === "string" ? how : how.command,
            input: Array.isArray(what) ? (what as unknown[]) : [what],
          };
    this.#ring ??= new HashRing(this.#routees);
    const key: unknown = this.#route.key(routed);
    if (typeof key !== "string") throw invalidOption("route", "a key that is a string", key);
    return this.#ring.find(key);
  }
}

/**
 * Defines a pool of equal actors behind one handle. Its actors are children of the router, so
 * they live, fail and are supervised like any others.
 */
export function defineRouter<H, P>(name: string, options: RouterOptions<H, P>): Spawnable<H, P> {
  const { routee, size } = options;
  if (!(Number.isInteger(size) && size >= 1)) {
    const expected = "a whole number, 1 or more";
    throw invalidOption("size", expected, size);
  }
  const blueprint: Blueprint = {
    kind: name,
    supervision: undefined,
    mailbox: undefined,
    repliesByReturn: true,
    start(life, props) {
      const program = new RouterProgram(life, options.route ?? roundRobin);
      for (let i = 0; i < size; i++) {
        const given: GivenOptions = props === undefined ? {} : { props };
        program.add(life.spawnCell(routee["~blueprint"], String(i), given));
      }
      return program;
    },
    face: (target) => routee["~blueprint"].face(target),
  };
  return { name, "~blueprint": blueprint };
}
