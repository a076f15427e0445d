import type { ActorRef, StopOptions } from "./actor-ref.ts";
import type { Terminated } from "./actor-services.ts";
import type { Blueprint, GivenOptions } from "./blueprint.ts";
import type { Engine } from "./engine.ts";
import { LocalRef } from "./local-ref.ts";
import { escapeName } from "./names.ts";
import type { Observed } from "./observer.ts";
import { TroupeError } from "./troupe-error.ts";

/** Who wants to know of an actor's end: one life of the watching actor. */
export interface Watcher<Node> {
  terminated(node: Node, what: Terminated): void;
}

/**
 * An actor's place in the tree: its name, its children, who watches it, who waits for its end.
 *
 *   I1. The children of a node have different names; a name is free again once its actor has ended.
 *   I2. A watcher hears of an end exactly once, unless it stops watching before.
 */
export abstract class TreeNode<Self extends TreeNode<Self>> {
  readonly engine: Engine;
  readonly parent: Self | undefined;
  readonly name: string;
  readonly uid: number;
  readonly blueprint: Blueprint;
  #path: string | undefined = undefined;
  #ref: LocalRef | undefined = undefined;
  #children: Map<string, Self> | undefined = undefined;
  #watchers: Set<Watcher<Self>> | undefined = undefined;
  #waiters: (() => void)[] | undefined = undefined;

  constructor(
    engine: Engine,
    place: { readonly parent: Self | undefined; readonly name: string },
    blueprint: Blueprint,
  ) {
    this.engine = engine;
    this.parent = place.parent;
    this.name = place.name;
    this.uid = engine.nextUid();
    this.blueprint = blueprint;
  }

  protected abstract get self(): Self;
  /** Whether this node has left the tree. */
  abstract get isStopped(): boolean;
  protected abstract make(blueprint: Blueprint, name: string, given: GivenOptions): Self;
  /** The last child has ended. */
  protected abstract childless(): void;
  protected abstract beginStop(deadlineMs: number): void;
  /** What it died of, if it has. */
  protected abstract get fatal(): unknown;

  get path(): string {
    this.#path ??= this.parent === undefined ? "" : `${this.parent.path}/${escapeName(this.name)}`;
    return this.#path;
  }

  get ref(): ActorRef {
    this.#ref ??= new LocalRef(this);
    return this.#ref;
  }

  get observed(): Observed {
    return { kind: this.blueprint.kind, path: this.path };
  }

  get children(): Iterable<Self> {
    return this.#children?.values() ?? [];
  }

  get childCount(): number {
    return this.#children?.size ?? 0;
  }

  child(name: string): Self | undefined {
    return this.#children?.get(name);
  }

  addChild(blueprint: Blueprint, name: string, given: GivenOptions): Self {
    this.#children ??= new Map();
    if (this.#children.has(name)) {
      throw new TroupeError("TROUPE_NAME_TAKEN", { parent: this.path || "/", name });
    }
    const child = this.make(blueprint, name, given);
    this.#children.set(name, child);
    return child;
  }

  removeChild(child: Self): void {
    this.#children?.delete(child.name);
    if (this.childCount === 0) this.childless();
  }

  addWatcher(watcher: Watcher<Self>): void {
    if (this.isStopped) {
      watcher.terminated(this.self, { ref: this.ref, failure: this.fatal });
      return;
    }
    this.#watchers ??= new Set();
    this.#watchers.add(watcher);
  }

  removeWatcher(watcher: Watcher<Self>): void {
    this.#watchers?.delete(watcher);
  }

  /** Stops this actor and all below it. Resolves when all of them have ended. */
  stop(options?: StopOptions): Promise<void> {
    const deadlineMs = options?.deadlineMs ?? this.engine.limits.stopDeadlineMs;
    return new Promise((resolve, reject) => {
      if (!(deadlineMs >= 0 && deadlineMs < Infinity)) {
        const expected = "a finite number of milliseconds, 0 or more";
        const got = String(deadlineMs);
        reject(new TroupeError("TROUPE_OPTION_INVALID", { option: "deadlineMs", expected, got }));
      } else if (this.isStopped) resolve();
      else {
        this.#waiters ??= [];
        this.#waiters.push(resolve);
        this.beginStop(deadlineMs);
      }
    });
  }

  /** Tells everyone who wants to know that this actor has ended, and leaves the tree. */
  protected leave(): void {
    if (this.#watchers !== undefined) {
      const terminated = { ref: this.ref, failure: this.fatal };
      for (const watcher of this.#watchers) watcher.terminated(this.self, terminated);
      this.#watchers = undefined;
    }
    this.parent?.removeChild(this.self);
    for (const resolve of this.#waiters ?? []) resolve();
    this.#waiters = undefined;
  }
}
