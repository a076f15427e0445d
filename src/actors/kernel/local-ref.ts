import type { ActorRef, StopOptions } from "./actor-ref.ts";
import type { Addressed } from "./actor-services.ts";
import type { Cell } from "./cell.ts";
import { TroupeError } from "./troupe-error.ts";

/** What a reference needs of the actor that it stands for. */
interface Referred {
  readonly path: string;
  readonly uid: number;
  stop(options?: StopOptions): Promise<void>;
}

/** The address of an actor of this process. */
export class LocalRef implements ActorRef {
  readonly #of: Referred;

  constructor(of: Referred) {
    this.#of = of;
  }

  get path(): string {
    return this.#of.path;
  }

  get incarnation(): string {
    return String(this.#of.uid);
  }

  stop(options?: StopOptions): Promise<void> {
    return this.#of.stop(options);
  }

  toString(): string {
    return `${this.path}#${this.incarnation}`;
  }

  toJSON(): string {
    return this.toString();
  }

  static cellOf(ref: ActorRef): Cell | undefined {
    // Only cells make local references.
    return ref instanceof LocalRef ? (ref.#of as Cell) : undefined;
  }
}

/** The cell behind a handle or reference; only actors of this process have one. */
export function cellOf(target: Addressed, use: string): Cell {
  const ref = "ref" in target ? target.ref : target;
  const cell = LocalRef.cellOf(ref);
  if (cell !== undefined) return cell;
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: `the target of ${use}`,
    expected: "a handle or reference of an actor of this system",
    got: String(ref),
  });
}
