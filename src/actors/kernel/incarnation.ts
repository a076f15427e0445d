import type { Addressed, Terminated, TimerSchedule } from "./actor-services.ts";
import {
  type Blueprint,
  type GivenOptions,
  noOptions,
  type Program,
  type Spawnable,
} from "./blueprint.ts";
import type { Cell } from "./cell.ts";
import { IdleWatch } from "./idle-watch.ts";
import { cellOf } from "./local-ref.ts";
import { spawnUnder } from "./spawn.ts";
import { checkDelay, TimerSet } from "./timer-set.ts";
import { TroupeError } from "./troupe-error.ts";

/**
 * One life of an actor: from a start to the next restart or to the stop. Everything that user
 * code can hold on to (contexts, timers, watches, stash) hangs on it and dies with it.
 *
 *   I1. A revoked life does nothing any more: each use throws TROUPE_REVOKED and is counted.
 *   I2. A cell has at most one life that is not revoked.
 *   I3. What a revoked life's handler still returns is dropped and counted.
 */
export class Incarnation {
  readonly cell: Cell;
  program: Program | undefined;
  revoked = false;
  idle: IdleWatch | undefined;
  #controller: AbortController | undefined;
  #timers: TimerSet | undefined;
  #hooks: (() => unknown)[] | undefined;
  #watched: Map<Cell, (terminated: Terminated) => unknown> | undefined;

  constructor(cell: Cell) {
    this.cell = cell;
  }

  /** Throws when this life is over. */
  use(what: string): void {
    if (!this.revoked) return;
    this.cell.engine.revokedUse(this.cell);
    throw new TroupeError("TROUPE_REVOKED", { actor: this.cell.path, use: what });
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.revoked || this.cell.isEnding) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Asks a running handler to hurry. */
  abort(): void {
    this.#controller?.abort();
  }

  /** Ends this life (I1). */
  revoke(): void {
    if (this.revoked) return;
    this.revoked = true;
    this.abort();
    this.#timers?.cancelAll();
    this.idle?.cancel();
    if (this.#watched !== undefined) {
      for (const cell of this.#watched.keys()) cell.removeWatcher(this);
      this.#watched = undefined;
    }
  }

  // ── what contexts offer ────────────────────────────────────────────────────────────────

  spawn<H, P>(definition: Spawnable<H, P>, name: string, options: GivenOptions | undefined): H {
    this.use("spawn");
    return spawnUnder(this.cell, definition, name, options ?? noOptions);
  }

  spawnCell(blueprint: Blueprint, name: string, given: GivenOptions): Cell {
    this.use("spawn");
    return this.cell.addChild(blueprint, name, given);
  }

  watch(target: Addressed, run: (terminated: Terminated) => unknown): void {
    this.use("watch");
    const cell = cellOf(target, "watch");
    this.#watched ??= new Map();
    this.#watched.set(cell, run);
    cell.addWatcher(this);
  }

  unwatch(target: Addressed): void {
    this.use("unwatch");
    const cell = cellOf(target, "unwatch");
    if (this.#watched?.delete(cell) === true) cell.removeWatcher(this);
  }

  /** Called by a watched cell when it has ended. */
  terminated(cell: Cell, what: Terminated): void {
    this.cell.postUrgent(() => {
      const run = this.#watched?.get(cell);
      this.#watched?.delete(cell);
      return run?.(what);
    });
  }

  get timers(): TimerSet {
    this.use("timers");
    this.#timers ??= new TimerSet(this);
    return this.#timers;
  }

  startTimer(name: string, schedule: TimerSchedule, run: () => unknown): void {
    this.timers.start(name, schedule, run);
  }

  /** Runs a turn when no message came for `afterMs`. */
  onIdle(afterMs: number | undefined, run: (() => unknown) | undefined): void {
    this.use("onIdle");
    this.idle?.cancel();
    this.idle = undefined;
    if (afterMs === undefined || run === undefined) return;
    checkDelay("afterMs", afterMs, 1);
    this.idle = new IdleWatch(this.cell.engine.clock, afterMs, () => {
      this.cell.postTurn(() => (this.revoked ? undefined : run()));
    });
  }

  onStop(run: () => unknown): void {
    this.use("onStop");
    this.#hooks ??= [];
    this.#hooks.push(run);
  }

  /** Takes the stop hooks; the last registered comes first. */
  takeHooks(): (() => unknown)[] {
    const hooks = this.#hooks ?? [];
    this.#hooks = undefined;
    return hooks.reverse();
  }

  stop(): void {
    this.use("stop");
    this.cell.order({ kind: "stop", deadlineMs: this.cell.engine.limits.stopDeadlineMs });
  }

  stash(): void {
    this.use("stash");
    this.cell.stashCurrent();
  }

  unstashAll(): void {
    this.use("unstashAll");
    this.cell.unstashAll();
  }
}
