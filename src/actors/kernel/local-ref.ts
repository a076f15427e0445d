import type { ActorRef, StopOptions } from "./actor-ref.ts";
import type { Addressed } from "./actor-services.ts";
import type { Cell } from "./cell.ts";
import { TroupeError } from "./troupe-error.ts";

/** The address of an actor of this process. */
export class LocalRef implements ActorRef {
  readonly #cell: Cell;

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  get path(): string {
    return this.#cell.path;
  }

  get incarnation(): string {
    return String(this.#cell.uid);
  }

  stop(options?: StopOptions): Promise<void> {
    return this.#cell.stop(options);
  }

  toString(): string {
    return `${this.path}#${this.incarnation}`;
  }

  toJSON(): string {
    return this.toString();
  }

  static cellOf(ref: ActorRef): Cell | undefined {
    return ref instanceof LocalRef ? ref.#cell : undefined;
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
