import type { ActorRef, StopOptions } from "./actor-ref.ts";
import { Ask } from "./ask.ts";
import {
  type Blueprint,
  type FaceTarget,
  type GivenOptions,
  type How,
  type Program,
  Refusal,
  type Spawnable,
  turn,
} from "./blueprint.ts";
import { type CallOptions, timeoutOf } from "./call-options.ts";
import type { Engine } from "./engine.ts";
import { Inbox } from "./inbox.ts";
import { Incarnation } from "./incarnation.ts";
import { LocalRef } from "./local-ref.ts";
import { ReplyRef } from "./message-ref.ts";
import { checkName, escapeName } from "./names.ts";
import { decide, type FailureHistory, noFailures, type Supervision } from "./supervision.ts";
import { reasonOf, TroupeError } from "./troupe-error.ts";

/**
 * An actor: its place in the tree, its messages, its life and its end.
 *
 *   new → starting → running ⇄ suspended          (suspended: its failure was escalated)
 *    ↑                 │
 *    └── backing-off ← ending → stopped           (ending: children first, then itself)
 *
 *   I1. At most one handler of an actor runs at a time; the next message waits for its promise.
 *   I2. Messages of one sender are handled in the order in which they were sent.
 *   I3. A message is handled, or refused (ask fails, tell becomes a dead letter); never both.
 *   I4. Orders (stop, child ended, child failed) go before messages and do not wait for a handler.
 *   I5. An ending comes to its end: what still runs at its deadline is revoked.
 */
export type Phase =
  | "new"
  | "starting"
  | "running"
  | "suspended"
  | "ending"
  | "backing-off"
  | "stopped";

type Order =
  | { readonly kind: "stop"; readonly deadlineMs: number | undefined; readonly failure?: unknown }
  | { readonly kind: "child-ended" }
  | { readonly kind: "child-failed"; readonly child: Cell; readonly error: unknown }
  | { readonly kind: "resume" };

interface Ending {
  then: "stop" | "restart";
  delayMs: number;
  hooks: "due" | "running" | "done";
  timer: { cancel(): void } | undefined;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

export class Cell implements FaceTarget {
  readonly engine: Engine;
  readonly parent: Cell | undefined;
  readonly name: string;
  readonly uid: number;
  readonly blueprint: Blueprint;
  readonly inbox: Inbox;
  /** In the dispatcher's queue. Set by the dispatcher and the cell only. */
  queued = false;
  phase: Phase = "new";
  restarts = 0;
  lastFailure: unknown = undefined;
  readonly #props: unknown;
  readonly #supervision: Supervision | undefined;
  #busy = false;
  #what: unknown = undefined;
  #how: How = null;
  #stashed = false;
  #incarnation: Incarnation | undefined;
  #children: Map<string, Cell> | undefined;
  #orders: Order[] | undefined;
  #urgent: (() => unknown)[] | undefined;
  #watchers: Set<Incarnation> | undefined;
  #stopWaiters: (() => void)[] | undefined;
  #history: FailureHistory = noFailures;
  #ending: Ending | undefined;
  #fatal: unknown = undefined;
  #ref: LocalRef | undefined;
  #path: string | undefined;

  constructor(
    engine: Engine,
    place: { readonly parent: Cell | undefined; readonly name: string },
    blueprint: Blueprint,
    options: GivenOptions,
  ) {
    this.engine = engine;
    this.parent = place.parent;
    this.name = place.name;
    this.uid = engine.nextUid();
    this.blueprint = blueprint;
    this.#props = options.props;
    this.#supervision = options.supervision ?? blueprint.supervision;
    this.inbox = new Inbox(engine, () => this.path, options.mailbox ?? blueprint.mailbox);
  }

  get path(): string {
    if (this.#path !== undefined) return this.#path;
    const above = this.parent?.path ?? "";
    this.#path = this.parent === undefined ? "" : `${above}/${escapeName(this.name)}`;
    return this.#path;
  }

  get ref(): ActorRef {
    this.#ref ??= new LocalRef(this);
    return this.#ref;
  }

  get isEnding(): boolean {
    return this.phase === "ending" || this.phase === "stopped";
  }

  get isBusy(): boolean {
    return this.#busy;
  }

  get children(): Iterable<Cell> {
    return this.#children?.values() ?? [];
  }

  get program(): Program | undefined {
    return this.#incarnation?.program;
  }

  /** Whether a turn would find something to do. */
  get isReady(): boolean {
    if (this.#orders !== undefined || this.phase === "new") return true;
    if (this.phase !== "running" || this.#busy) return false;
    return this.inbox.box.length > 0 || this.#urgent !== undefined;
  }

  #wake(): void {
    if (!this.queued && this.isReady) this.engine.dispatcher.add(this);
  }

  // ── messages in ────────────────────────────────────────────────────────────────────────

  post(what: unknown, how: How): void {
    if (this.phase === "stopped" || (this.phase === "ending" && this.#ending?.then === "stop")) {
      this.inbox.refuse(what, how, "stopped");
      return;
    }
    this.inbox.put(what, how);
    this.#wake();
  }

  /** A turn of the actor's own, in its place among the messages. */
  postTurn(run: () => unknown): void {
    this.post(run, turn);
  }

  /** A turn that goes before all messages. */
  postUrgent(run: () => unknown): void {
    if (this.phase === "stopped") return;
    this.#urgent ??= [];
    this.#urgent.push(run);
    this.#wake();
  }

  tell(command: string, input: readonly unknown[]): void {
    this.post(input, command);
  }

  send(message: unknown): void {
    this.post(message, null);
  }

  ask(command: string, input: readonly unknown[], options?: CallOptions): Promise<unknown> {
    return this.#ask(command, options, () => input);
  }

  request(message: object, options?: CallOptions): Promise<unknown> {
    const { type } = message as { type?: unknown };
    const command = typeof type === "string" ? type : "message";
    return this.#ask(command, options, (ask) => ({ ...message, replyTo: new ReplyRef(this, ask) }));
  }

  #ask(
    command: string,
    options: CallOptions | undefined,
    what: (ask: Ask) => unknown,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timeoutMs = timeoutOf(options, this.engine.limits.askTimeoutMs);
      const ask = new Ask(this.path, command, { resolve, reject });
      const signal = options?.signal;
      if (signal !== undefined) this.#obey(signal, ask);
      if (ask.settled) return;
      this.engine.asks.add(ask, timeoutMs);
      this.post(what(ask), ask);
    });
  }

  #obey(signal: AbortSignal, ask: Ask): void {
    const abort = (): void => {
      const { actor, command } = ask;
      const cause: unknown = signal.reason;
      ask.reject(new TroupeError("TROUPE_CALL_ABORTED", { actor, command }, { cause }));
    };
    if (signal.aborted) abort();
    else {
      signal.addEventListener("abort", abort, { once: true });
      ask.onSettled = () => signal.removeEventListener("abort", abort);
    }
  }

  // ── turns ──────────────────────────────────────────────────────────────────────────────

  /** Obeys all orders, then handles at most `messagesMax` messages. Returns how many. */
  drain(messagesMax: number): number {
    if (this.#orders !== undefined) this.#obeyOrders();
    if (this.phase === "new") this.#begin();
    let handled = 0;
    const { box } = this.inbox;
    while (handled < messagesMax && this.phase === "running" && !this.#busy) {
      if (this.#urgent !== undefined) {
        const run = this.#urgent.shift();
        if (this.#urgent.length === 0) this.#urgent = undefined;
        if (run !== undefined) this.#run(run, turn);
      } else if (box.length > 0) {
        const what = box.firstWhat();
        const how = box.firstHow();
        this.inbox.dropFirst();
        if (how !== turn) this.#incarnation?.idle?.touch();
        this.#run(what, how);
      } else break;
      handled++;
      if (this.#orders !== undefined) this.#obeyOrders();
    }
    return handled;
  }

  #run(what: unknown, how: How): void {
    // Nobody waits for an ask that has timed out; not starting it is what sheds load.
    if (how instanceof Ask && how.settled) {
      const { command } = how;
      this.engine.deadLetter(this.path, { command, message: what, reason: "expired" });
      return;
    }
    // A running phase has a life with a program.
    const incarnation = this.#incarnation as Incarnation;
    this.#what = what;
    this.#how = how;
    let result: unknown;
    try {
      result =
        how === turn
          ? (what as () => unknown)()
          : (incarnation.program as Program).receive(what, how);
    } catch (error) {
      this.#turnFailed(error);
      return;
    }
    if (isThenable(result)) this.#hold(incarnation, result);
    else this.#turnDone(result);
  }

  #hold(incarnation: Incarnation, result: PromiseLike<unknown>): void {
    this.#busy = true;
    const settled = (end: () => void): void => {
      if (incarnation.revoked) {
        this.engine.revokedResults++;
        return;
      }
      this.#busy = false;
      end();
      if (this.phase === "ending") this.#advance();
      this.#wake();
    };
    Promise.resolve(result).then(
      (value) => settled(() => this.#turnDone(value)),
      (error: unknown) => settled(() => this.#turnFailed(error)),
    );
  }

  #turnDone(result: unknown): void {
    const how = this.#how;
    const what = this.#what;
    this.#what = undefined;
    this.#how = null;
    if (this.#stashed) {
      this.#stashed = false;
      return;
    }
    if (result instanceof Refusal) {
      if (how instanceof Ask) how.reject(result.error);
      else if (typeof how === "string") {
        this.engine.deadLetter(this.path, { command: how, message: what, reason: "unhandled" });
      }
    } else if (how instanceof Ask && this.blueprint.repliesByReturn && !how.resolve(result)) {
      const { command } = how;
      this.engine.deadLetter(this.path, { command, message: result, reason: "late-reply" });
    }
  }

  #turnFailed(error: unknown): void {
    const how = this.#how;
    this.#what = undefined;
    this.#how = null;
    this.#stashed = false;
    if (how instanceof Ask) {
      const { actor, command } = how;
      const reason = reasonOf(error);
      how.reject(
        new TroupeError("TROUPE_COMMAND_FAILED", { actor, command, reason }, { cause: error }),
      );
    }
    this.#failed(error, false);
  }

  stashCurrent(): void {
    this.inbox.stash(this.#what, this.#how);
    this.#stashed = true;
  }

  unstashAll(): void {
    this.inbox.unstashAll();
    this.#wake();
  }

  // ── life ───────────────────────────────────────────────────────────────────────────────

  #begin(): void {
    const incarnation = new Incarnation(this);
    this.#incarnation = incarnation;
    this.phase = "starting";
    try {
      const program = this.blueprint.start(incarnation, this.#props);
      if (!isThenable(program)) {
        this.#started(incarnation, program);
        return;
      }
      this.#busy = true;
      const settled = (end: () => void): void => {
        if (incarnation.revoked) return;
        this.#busy = false;
        if (this.phase === "ending") this.#advance();
        else end();
        this.#wake();
      };
      program.then(
        (made) => settled(() => this.#started(incarnation, made)),
        (error: unknown) => settled(() => this.#failed(error, true)),
      );
    } catch (error) {
      this.#failed(error, true);
    }
  }

  #started(incarnation: Incarnation, program: Program): void {
    incarnation.program = program;
    if (this.phase === "starting") this.phase = "running";
    this.engine.observer?.actorStarted?.(this.blueprint.kind, this.path);
  }

  #failed(error: unknown, duringStart: boolean): void {
    this.lastFailure = error;
    const { engine } = this;
    engine.observer?.actorFailed?.(this.blueprint.kind, this.path, error);
    engine.logger.warn("actor failed", { actor: this.path, error });
    if (this.phase === "ending") return;
    const nowMs = engine.clock.monotonicMs();
    const decision = decide(
      this.#supervision,
      this.#history,
      { error, duringStart, nowMs },
      engine,
    );
    switch (decision.action) {
      case "resume":
        return;
      case "restart":
        this.#history = decision.history;
        this.#end("restart", engine.limits.stopDeadlineMs, decision.delayMs);
        return;
      case "stop":
        this.#fatal = error;
        this.#end("stop", engine.limits.stopDeadlineMs);
        return;
      case "escalate":
        this.phase = "suspended";
        this.#fatal = error;
        this.parent?.order({ kind: "child-failed", child: this, error });
    }
  }

  // ── orders ─────────────────────────────────────────────────────────────────────────────

  order(order: Order): void {
    if (this.phase === "stopped") return;
    this.#orders ??= [];
    this.#orders.push(order);
    if (!this.queued) this.engine.dispatcher.add(this);
  }

  #obeyOrders(): void {
    const orders = this.#orders ?? [];
    this.#orders = undefined;
    for (const order of orders) {
      switch (order.kind) {
        case "stop":
          if (order.failure !== undefined) this.#fatal = order.failure;
          this.#end("stop", order.deadlineMs);
          break;
        case "child-ended":
          this.#advance();
          break;
        case "child-failed":
          this.#childFailed(order.child, order.error);
          break;
        case "resume":
          this.#resume();
          break;
      }
    }
  }

  /** A child has escalated: this actor's policy decides, as if it had failed itself. */
  #childFailed(child: Cell, error: unknown): void {
    if (this.phase === "ending" || this.phase === "stopped") return;
    if (this.parent === undefined) {
      this.engine.logger.error("failure reached the top; actor stopped", {
        actor: child.path,
        error,
      });
      child.order({ kind: "stop", deadlineMs: this.engine.limits.stopDeadlineMs });
      return;
    }
    this.#failed(error, false);
    // Resumed: the child goes on as well.
    if (this.phase === "running" || this.phase === "starting") child.order({ kind: "resume" });
  }

  #resume(): void {
    if (this.phase !== "suspended") return;
    this.#fatal = undefined;
    if (this.#incarnation?.program === undefined && !this.#busy) {
      this.#end("stop", this.engine.limits.stopDeadlineMs);
      return;
    }
    this.phase = this.#incarnation?.program === undefined ? "starting" : "running";
    for (const child of this.children) child.order({ kind: "resume" });
  }

  // ── tree ───────────────────────────────────────────────────────────────────────────────

  spawnChild<H, P>(
    definition: Spawnable<H, P>,
    name: string,
    options: GivenOptions | undefined,
  ): H {
    checkName(name, this.engine.limits.nameCharactersMax);
    if (this.isEnding) {
      if (this.parent !== undefined) {
        throw new TroupeError("TROUPE_REVOKED", { actor: this.path, use: "spawn" });
      }
      throw new TroupeError("TROUPE_SYSTEM_STOPPED", { system: this.engine.name, use: "spawn" });
    }
    this.#children ??= new Map();
    if (this.#children.has(name)) {
      throw new TroupeError("TROUPE_NAME_TAKEN", { parent: this.path || "/", name });
    }
    const blueprint = definition["~blueprint"];
    const child = new Cell(this.engine, { parent: this, name }, blueprint, options ?? {});
    this.#children.set(name, child);
    this.engine.dispatcher.add(child);
    // The blueprint's face is what the definition's type says.
    return blueprint.face(child) as H;
  }

  child(name: string): Cell | undefined {
    return this.#children?.get(name);
  }

  removeChild(child: Cell): void {
    this.#children?.delete(child.name);
    if (this.phase === "ending" && (this.#children?.size ?? 0) === 0) {
      this.order({ kind: "child-ended" });
    }
  }

  addWatcher(watcher: Incarnation): void {
    if (this.phase === "stopped") {
      watcher.terminated(this, { ref: this.ref, failure: this.#fatal });
      return;
    }
    this.#watchers ??= new Set();
    this.#watchers.add(watcher);
  }

  removeWatcher(watcher: Incarnation): void {
    this.#watchers?.delete(watcher);
  }

  // ── end ────────────────────────────────────────────────────────────────────────────────

  stop(options?: StopOptions): Promise<void> {
    const deadlineMs = options?.deadlineMs ?? this.engine.limits.stopDeadlineMs;
    return new Promise((resolve, reject) => {
      if (!(deadlineMs >= 0 && deadlineMs < Infinity)) {
        const expected = "a finite number of milliseconds, 0 or more";
        const got = String(deadlineMs);
        reject(new TroupeError("TROUPE_OPTION_INVALID", { option: "deadlineMs", expected, got }));
        return;
      }
      if (this.phase === "stopped") {
        resolve();
        return;
      }
      this.#stopWaiters ??= [];
      this.#stopWaiters.push(resolve);
      this.order({ kind: "stop", deadlineMs });
    });
  }

  #end(then: "stop" | "restart", deadlineMs: number | undefined, delayMs = 0): void {
    if (this.phase === "stopped") return;
    if (this.phase === "backing-off") this.#ending?.timer?.cancel();
    if (this.#ending === undefined || this.phase === "backing-off") {
      this.#ending = { then, delayMs, hooks: "due", timer: undefined };
      this.phase = "ending";
      this.#incarnation?.abort();
      for (const child of this.children) child.order({ kind: "stop", deadlineMs: undefined });
    } else if (then === "stop") this.#ending.then = "stop";
    if (deadlineMs !== undefined) {
      this.#ending.timer?.cancel();
      this.#ending.timer = this.engine.clock.setTimer(deadlineMs, () => this.#force());
    }
    this.#advance();
  }

  /** Takes the next step of the ending that can be taken: children, handler, hooks, end. */
  #advance(): void {
    const ending = this.#ending;
    if (ending === undefined || this.phase !== "ending") return;
    if ((this.#children?.size ?? 0) > 0 || this.#busy) return;
    if (ending.hooks === "due") {
      const hooks = this.#incarnation?.takeHooks() ?? [];
      ending.hooks = hooks.length === 0 ? "done" : "running";
      if (hooks.length > 0) void this.#runHooks(ending, hooks);
    }
    if (ending.hooks === "running") return;
    ending.timer?.cancel();
    this.#incarnation?.revoke();
    this.#incarnation = undefined;
    if (ending.then === "restart") this.#again(ending);
    else this.#stop();
  }

  async #runHooks(ending: Ending, hooks: readonly (() => unknown)[]): Promise<void> {
    for (const hook of hooks) {
      try {
        await hook();
      } catch (error) {
        this.engine.logger.error("stop hook failed", { actor: this.path, error });
      }
    }
    if (ending.hooks === "done") return;
    ending.hooks = "done";
    this.#advance();
  }

  #again(ending: Ending): void {
    this.restarts++;
    this.engine.observer?.actorRestarted?.(this.blueprint.kind, this.path);
    this.inbox.unstashAll();
    const begin = (): void => {
      this.#ending = undefined;
      this.phase = "new";
      this.#wake();
    };
    if (ending.delayMs <= 0) {
      begin();
      return;
    }
    this.phase = "backing-off";
    ending.timer = this.engine.clock.setTimer(ending.delayMs, begin);
  }

  #stop(): void {
    this.phase = "stopped";
    this.#ending = undefined;
    this.#orders = undefined;
    this.#urgent = undefined;
    this.inbox.close("stopped");
    this.engine.observer?.actorStopped?.(this.blueprint.kind, this.path);
    const terminated = { ref: this.ref, failure: this.#fatal };
    for (const watcher of this.#watchers ?? []) watcher.terminated(this, terminated);
    this.#watchers = undefined;
    this.parent?.removeChild(this);
    for (const resolve of this.#stopWaiters ?? []) resolve();
    this.#stopWaiters = undefined;
  }

  #hooksRun(ending: Ending): boolean {
    return ending.hooks === "running";
  }

  /** The deadline is over: revokes what still runs in this subtree, bottom-up. */
  #force(): void {
    const subtree: Cell[] = [this];
    for (let i = 0; i < subtree.length; i++) subtree.push(...(subtree[i] as Cell).children);
    for (const cell of subtree.reverse()) cell.#forceSelf(cell === this);
  }

  #forceSelf(isTop: boolean): void {
    if (this.phase === "stopped") return;
    if (!isTop || this.phase !== "ending") this.#end("stop", undefined);
    const ending = this.#ending;
    if (ending === undefined) return;
    if (this.#busy) {
      const how = this.#how;
      this.engine.logger.warn("handler revoked at the stop deadline", { actor: this.path });
      this.#incarnation?.revoke();
      this.#busy = false;
      if (how instanceof Ask) {
        const { actor, command } = how;
        how.reject(new TroupeError("TROUPE_ACTOR_STOPPED", { actor, command, handling: true }));
      }
    }
    if (ending.hooks === "running") {
      this.engine.logger.warn("stop hook abandoned at the stop deadline", { actor: this.path });
      ending.hooks = "done";
    }
    this.#advance();
    // Its hooks had not begun: one more deadline would be one too many.
    if (this.#ending === ending && this.#hooksRun(ending)) {
      ending.hooks = "done";
      this.#advance();
    }
  }
}
