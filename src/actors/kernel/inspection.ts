import type { Cell } from "./cell.ts";
import type { Phase } from "./order.ts";
import { reasonOf } from "./troupe-error.ts";

/** One actor, as `actors()` shows it. */
export interface ActorSnapshot {
  readonly path: string;
  /** Name of its definition. */
  readonly kind: string;
  readonly incarnation: string;
  readonly phase: Phase;
  /** A handler is waiting for its promise. */
  readonly busy: boolean;
  readonly mailboxMessages: number;
  readonly restarts: number;
  /** Message of the last failure. */
  readonly lastFailure: string | undefined;
  /** The living state itself: look, do not touch. */
  readonly state: unknown;
}

function snapshotOf(cell: Cell): ActorSnapshot {
  const { program, failures } = cell;
  const lastFailure = failures?.last;
  return {
    path: cell.path,
    kind: cell.blueprint.kind,
    incarnation: String(cell.uid),
    phase: cell.phase,
    busy: cell.isBusy,
    mailboxMessages: cell.inbox.depth,
    restarts: failures?.restarts ?? 0,
    lastFailure: lastFailure === undefined ? undefined : reasonOf(lastFailure),
    state: program === undefined ? undefined : cell.blueprint.inspect?.(program),
  };
}

/** All actors below `root`, parents before their children. */
export function snapshotsOf(root: Cell): ActorSnapshot[] {
  const found: ActorSnapshot[] = [];
  const stack = [...root.children].reverse();
  for (let cell = stack.pop(); cell !== undefined; cell = stack.pop()) {
    found.push(snapshotOf(cell));
    // One by one: a parent may have more children than a call may have arguments.
    for (const child of [...cell.children].reverse()) stack.push(child);
  }
  return found;
}
