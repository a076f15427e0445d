import { Addressee } from "./addressee.ts";
import { Ask } from "./ask.ts";
import {
  type Blueprint,
  type GivenOptions,
  type How,
  handedOn,
  type Program,
  Refusal,
  turn,
} from "./blueprint.ts";
import { Ending } from "./ending.ts";
import type { Engine } from "./engine.ts";
import { Failures } from "./failures.ts";
import type { Hold } from "./hold.ts";
import { Inbox } from "./inbox.ts";
import { Incarnation } from "./incarnation.ts";
import type { Order, Phase } from "./order.ts";
import { isThenable } from "./thenable.ts";
import { TroupeError } from "./troupe-error.ts";

/** No message is being handled. */
const none = Symbol("none");

/**
 * An actor: its place in the tree, its messages, its lives and its end.
 *
 *   new → starting → running ⇄ suspended          (suspended: its failure was escalated)
 *    ↑                 │
 *    └── backing-off ← ending → stopped           (ending: see ending.ts)
 *
 *   I1. At most one handler of an actor runs at a time; the next message waits for its promise.
 *   I2. Messages of one sender are handled in the order in which they were sent.
 *   I3. A message is handled, or refused (the ask fails, the tell becomes a dead letter); never both.
 *   I4. Orders (stop, child ended, child failed) go before messages and do not wait for a handler.
 *   I5. What a handler costs does not depend on the number of children or actors.
 */
export class Cell extends Addressee<Cell> {
  readonly inbox: Inbox;
  /** In the dispatcher's queue. Set by the dispatcher only. */
  queued = false;
  /** Messages and turns that were begun. */
  handled = 0;
  phase: Phase = "new";
  failures: Failures | undefined = undefined;
  readonly #given: GivenOptions;
  #busy = false;
  #stashed = false;
  #what: unknown = undefined;
  #how: How | typeof none = none;
  #hold: Hold | undefined = undefined;
  #life: Incarnation | undefined = undefined;
  #orders: Order[] | undefined = undefined;
  #urgent: (() => unknown)[] | undefined = undefined;
  #ending: Ending | undefined = undefined;
  #backoff: { cancel(): void } | undefined = undefined;

  constructor(
    engine: Engine,
    place: { readonly parent: Cell | undefined; readonly name: string },
    blueprint: Blueprint,
    given: GivenOptions,
  ) {
    super(engine, place, blueprint);
    this.#given = given;
    this.inbox = new Inbox(this, given.mailbox ?? blueprint.mailbox);
  }

  // ── what others see ────────────────────────────────────────────────────────────────────

  protected get self(): Cell {
    return this;
  }

  get isStopped(): boolean {
    return this.phase === "stopped";
  }

  get isEnding(): boolean {
    return this.phase === "ending" || this.phase === "stopped";
  }

  get isBusy(): boolean {
    return this.#busy;
  }

  protected get fatal(): unknown {
    return this.failures?.fatal;
  }

  get program(): Program | undefined {
    return this.#life?.program;
  }

  /** What is being handled, for people. */
  get current(): string {
    const how = this.#how;
    if (how instanceof Ask) return how.command;
    return typeof how === "string" ? how : how === null ? "message" : "";
  }

  /** Whether a turn would find something to do. */
  get isReady(): boolean {
    if (this.#orders !== undefined || this.phase === "new") return true;
    if (this.phase !== "running" || this.#busy) return false;
    return this.inbox.length > 0 || this.#urgent !== undefined;
  }

  #wake(): void {
    if (!this.queued && this.isReady) this.engine.dispatcher.add(this);
  }

  // ── messages in ────────────────────────────────────────────────────────────────────────

  post(what: unknown, how: How): void {
    if (this.phase === "stopped" || this.#ending?.after === "stop") {
      this.inbox.refuse(what, how, "stopped");
      return;
    }
    this.inbox.put(what, how);
    if (!this.queued && !this.#busy && this.phase === "running") this.engine.dispatcher.add(this);
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

  // ── turns ──────────────────────────────────────────────────────────────────────────────

  /** Obeys all orders, then handles at most `messagesMax` messages. Returns how many. */
  drain(messagesMax: number): number {
    if (this.#orders !== undefined) this.#obeyOrders();
    if (this.phase === "new") this.#begin();
    const { inbox } = this;
    let handled = 0;
    while (handled < messagesMax && this.phase === "running" && !this.#busy) {
      if (this.#urgent !== undefined) {
        const run = this.#urgent.shift();
        if (this.#urgent.length === 0) this.#urgent = undefined;
        this.#run(run, turn);
      } else if (inbox.length > 0) {
        const what = inbox.firstWhat();
        const how = inbox.firstHow();
        inbox.take();
        this.#run(what, how);
      } else break;
      handled++;
      if (this.#orders !== undefined) this.#obeyOrders();
    }
    this.handled += handled;
    return handled;
  }

  #run(what: unknown, how: How): void {
    // Nobody waits for an ask that has timed out; not starting it is what sheds load.
    if (how instanceof Ask && how.settled) {
      this.dead(how.command, what, "expired");
      return;
    }
    // A running phase has a life with a program.
    const life = this.#life as Incarnation;
    this.#what = what;
    this.#how = how;
    let result: unknown;
    try {
      if (how === turn) result = (what as () => unknown)();
      else {
        life.idle?.touch();
        result = (life.program as Program).receive(what, how);
      }
      if (result !== undefined && isThenable(result)) return this.#waitFor(life, result);
    } catch (error) {
      this.#turnFailed(error);
      return;
    }
    this.#turnDone(result);
  }

  #waitFor(life: Incarnation, result: PromiseLike<unknown>): void {
    this.#holdFor(life, result, {
      done: (value) => this.#turnDone(value),
      failed: (error) => this.#turnFailed(error),
    });
  }

  /** Handles nothing else until `promise` has settled, then does one of the two. */
  #holdFor<T>(
    life: Incarnation,
    promise: PromiseLike<T>,
    then: { readonly done: (value: T) => void; readonly failed: (error: unknown) => void },
  ): void {
    this.#busy = true;
    const hold = this.engine.holds.add(this, life);
    this.#hold = hold;
    const settled = (goOn: () => void): void => {
      this.engine.holds.remove(hold);
      if (life.revoked) {
        this.engine.revokedUse(this);
        return;
      }
      this.#busy = false;
      this.#hold = undefined;
      goOn();
      if (this.phase === "ending") this.#ending?.advance();
      this.#wake();
    };
    Promise.resolve(promise).then(
      (value) => settled(() => then.done(value)),
      (error: unknown) => settled(() => then.failed(error)),
    );
  }

  #turnDone(result: unknown): void {
    const how = this.#how;
    const what = this.#what;
    this.#what = undefined;
    this.#how = none;
    if (this.#stashed) this.#stashed = false;
    else if (result instanceof Refusal) this.#refused(result, what, how);
    else if (how instanceof Ask && this.blueprint.repliesByReturn && result !== handedOn) {
      if (!how.resolve(result)) this.dead(how.command, result, "late-reply");
    }
  }

  #refused(refusal: Refusal, what: unknown, how: How | typeof none): void {
    if (how instanceof Ask) how.reject(refusal.error);
    else if (typeof how === "string") {
      this.engine.logger.warn("a told command was refused", {
        actor: this.path,
        error: refusal.error,
      });
      this.dead(how, what, "unhandled");
    }
  }

  #turnFailed(error: unknown): void {
    this.#rejectCurrent(error);
    this.#failed(error, false);
  }

  /** Something failed in a turn that should never fail: whatever state this actor is in, it ends. */
  broken(error: unknown): void {
    this.#rejectCurrent(error);
    this.order({ kind: "stop", deadlineMs: this.engine.limits.stopDeadlineMs });
  }

  #rejectCurrent(error: unknown): void {
    if (this.#how instanceof Ask) this.#how.fail(error);
    this.#what = undefined;
    this.#how = none;
    this.#stashed = false;
  }

  stashCurrent(): void {
    const how = this.#how;
    if (how === none) {
      throw new TroupeError("TROUPE_TURN_ENDED", { actor: this.path, use: "stash" });
    }
    this.inbox.stash(this.#what, how);
    this.#stashed = true;
  }

  unstashAll(): void {
    this.inbox.unstashAll();
    this.#wake();
  }

  // ── life ───────────────────────────────────────────────────────────────────────────────

  #begin(): void {
    const life = new Incarnation(this);
    this.#life = life;
    this.phase = "starting";
    try {
      const program = this.blueprint.start(life, this.#given.props);
      if (!isThenable(program)) this.#started(life, program);
      else {
        this.#holdFor(life, program, {
          done: (made) => this.#started(life, made),
          failed: (error) => this.#failed(error, true),
        });
      }
    } catch (error) {
      this.#failed(error, true);
    }
  }

  #started(life: Incarnation, program: Program): void {
    life.program = program;
    if (this.phase === "starting") this.phase = "running";
    const { observer } = this.engine;
    if (observer?.actorStarted !== undefined) observer.actorStarted(this.observed);
  }

  /** True when the actor goes on as if nothing had happened. */
  #failed(error: unknown, duringStart: boolean): boolean {
    const { engine } = this;
    engine.observer?.actorFailed?.(this.observed, error);
    this.failures ??= new Failures();
    // What fails on the way to the end is only told.
    if (this.isEnding) {
      this.failures.last = error;
      engine.logger.warn("actor failed while it ended", { actor: this.path, error });
      return false;
    }
    const policy = this.#given.supervision ?? this.blueprint.supervision;
    const decision = this.failures.decide(policy, { error, duringStart }, engine);
    engine.logger.warn("actor failed", { actor: this.path, action: decision.action, error });
    const { stopDeadlineMs } = engine.limits;
    switch (decision.action) {
      case "resume":
        return true;
      case "restart":
        this.#end("restart", stopDeadlineMs, decision.delayMs);
        return false;
      case "stop":
        this.#end("stop", stopDeadlineMs);
        return false;
      case "escalate":
        this.phase = "suspended";
        this.parent?.order({ kind: "child-failed", child: this, error });
        return false;
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
          this.#end("stop", order.deadlineMs);
          break;
        case "child-ended":
          if (this.phase === "ending") this.#ending?.advance();
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
    if (this.isEnding) return;
    if (this.parent === undefined) {
      const { logger, limits } = this.engine;
      logger.error("a failure reached the top; its actor is stopped", { actor: child.path, error });
      child.order({ kind: "stop", deadlineMs: limits.stopDeadlineMs });
      return;
    }
    if (this.#failed(error, false)) child.order({ kind: "resume" });
  }

  #resume(): void {
    if (this.phase !== "suspended") return;
    if (this.failures !== undefined) this.failures.fatal = undefined;
    const isMade = this.program !== undefined;
    if (!isMade && !this.#busy) {
      // Its start had failed: there is nothing to go on with.
      this.#end("stop", this.engine.limits.stopDeadlineMs);
      return;
    }
    this.phase = isMade ? "running" : "starting";
    for (const child of this.children) child.order({ kind: "resume" });
  }

  // ── tree ───────────────────────────────────────────────────────────────────────────────

  protected make(blueprint: Blueprint, name: string, given: GivenOptions): Cell {
    const child = new Cell(this.engine, { parent: this, name }, blueprint, given);
    this.engine.dispatcher.add(child);
    return child;
  }

  protected childless(): void {
    if (this.phase === "ending") this.order({ kind: "child-ended" });
  }

  // ── end ────────────────────────────────────────────────────────────────────────────────

  protected beginStop(deadlineMs: number): void {
    this.order({ kind: "stop", deadlineMs });
  }

  #end(after: "stop" | "restart", deadlineMs: number | undefined, delayMs = 0): void {
    if (this.phase === "stopped") return;
    this.#backoff?.cancel();
    if (this.#ending !== undefined) {
      if (after === "stop") this.#ending.after = "stop";
    } else {
      this.#ending = new Ending(this, after, delayMs);
      this.phase = "ending";
      this.#life?.abort();
      for (const child of this.children) child.order({ kind: "stop", deadlineMs: undefined });
    }
    const ending = this.#ending;
    ending.advance();
    if (deadlineMs !== undefined && this.#ending === ending) ending.limit(deadlineMs);
  }

  takeHooks(): (() => unknown)[] {
    return this.#life?.takeHooks() ?? [];
  }

  /** Called by the ending when all its steps are done. */
  ended(ending: Ending): void {
    if (this.#ending !== ending) return;
    this.#ending = undefined;
    this.#life?.revoke();
    this.#life = undefined;
    if (ending.after === "restart") this.#again(ending.delayMs);
    else this.#stopped();
  }

  #again(delayMs: number): void {
    if (this.failures !== undefined) this.failures.restarts++;
    this.engine.observer?.actorRestarted?.(this.observed);
    this.inbox.unstashAll();
    if (delayMs <= 0) {
      this.phase = "new";
      this.#wake();
      return;
    }
    this.phase = "backing-off";
    this.#backoff = this.engine.clock.setTimer(delayMs, () => {
      this.#backoff = undefined;
      this.phase = "new";
      this.#wake();
    });
  }

  #stopped(): void {
    this.phase = "stopped";
    this.#orders = undefined;
    this.#urgent = undefined;
    this.inbox.close("stopped");
    this.engine.observer?.actorStopped?.(this.observed, this.fatal);
    this.leave();
  }

  /** Ends now, without what still runs. Its children have ended before it. */
  forceEnd(): void {
    if (this.phase === "stopped") return;
    this.#orders = undefined;
    this.#end("stop", undefined);
    this.#ending?.abandon();
  }

  /** Takes its context away from the handler that runs. */
  revokeHandler(): void {
    const how = this.#how;
    this.engine.logger.warn("a handler was revoked at the stop deadline", {
      actor: this.path,
      command: this.current,
    });
    if (this.#hold !== undefined) this.engine.holds.remove(this.#hold);
    this.#hold = undefined;
    this.#life?.revoke();
    this.#busy = false;
    this.#what = undefined;
    this.#how = none;
    if (!(how instanceof Ask)) return;
    const { actor, command } = how;
    how.reject(new TroupeError("TROUPE_ACTOR_STOPPED", { actor, command, handling: true }));
  }
}
