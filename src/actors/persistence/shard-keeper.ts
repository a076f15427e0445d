/**
 * Keeps one shard served by this node for as long as it should be: recovers, claims, and when a claim is lost
 * claims again, within limits.
 *
 *   idle ─open─▶ opening ─▶ serving ─claim lost─▶ opening …
 *   opening ─the view gives it to another, or the log is damaged─▶ idle
 *   opening ─deposed too often under one view─▶ stalled ─a while, or a new view─▶ opening
 *
 *  S1. One loop, so one owner at a time; a new one only after the one before has ended.
 *  S2. After a lost claim the shard is claimed again only under a fresh view that still names this node, after
 *      a random pause, and at most `reclaimsMax` times under one view: no duels, and no orphan either.
 *  S3. What fails for the moment is tried again for ever, with pauses; callers wait as long as they are told.
 */
import { isTroupeError, TroupeError } from "../kernel/index.ts";
import { type Claim, type ClaimHistory, claimShard, notServing } from "./claim.ts";
import type { TenureEnd } from "./frame-fate.ts";
import { isCutAway, isUnreadable, type LogPrefix } from "./log-prefix.ts";
import { Backoff, pause } from "./pause.ts";
import type { ShardContext } from "./shard-context.ts";
import { ShardOwner } from "./shard-owner.ts";
import { recoverShard } from "./shard-recovery.ts";

interface Waiter {
  resolve(owner: ShardOwner): void;
  reject(error: unknown): void;
}

/** A claim that holds, with the one who uses it. */
interface Tenure {
  readonly owner: ShardOwner;
  readonly claim: Claim;
  readonly sinceMs: number;
}

const PAUSE_MAX_MS = 1_000;

export class ShardKeeper {
  readonly #context: ShardContext;
  readonly #onDeposed: (error: unknown) => void;
  readonly #history: ClaimHistory = { termTried: 0 };
  readonly #waiters = new Set<Waiter>();
  #running: Promise<void> | undefined;
  #owner: ShardOwner | undefined;
  /** What the last tenure or try knew of the log; the next one goes on from here. */
  #prefix: LogPrefix | undefined;
  #depositions = { clusterView: -1, count: 0 };
  /** What `open` answers until then, instead of having its caller wait for a try. */
  #refusal: { readonly error: unknown; readonly untilMs: number } | undefined;
  #lastError: unknown;
  #releasing = false;
  #wakeUp: () => void = () => {};

  constructor(context: ShardContext, onDeposed: (error: unknown) => void) {
    this.#context = context;
    this.#onDeposed = onDeposed;
  }

  /** The serving owner, if there is one just now. */
  get owner(): ShardOwner | undefined {
    return this.#owner?.isServing === true ? this.#owner : undefined;
  }

  open(): Promise<ShardOwner> {
    const { clock, options, shard } = this.#context;
    if (this.owner !== undefined) return Promise.resolve(this.owner);
    if (this.#releasing) return Promise.reject(notServing(shard, "it is being released"));
    const refusal = this.#refusal;
    if (refusal !== undefined && clock.monotonicMs() < refusal.untilMs) {
      return Promise.reject(refusal.error);
    }
    this.#refusal = undefined;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(options.shardOpenTimeoutMs, () => {
        const reason = `it could not be opened within ${options.shardOpenTimeoutMs} ms`;
        this.#waiters.delete(waiter);
        reject(notServing(shard, reason, this.#lastError));
      });
      const waiter: Waiter = {
        resolve: (owner) => {
          timer.cancel();
          resolve(owner);
        },
        reject: (error) => {
          timer.cancel();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      this.#running ??= this.#run();
    });
  }

  /** The cluster's view may have changed: whoever waits for that tries again. */
  viewChanged(): void {
    this.#wakeUp();
  }

  /** Flushes, gives the shard up, and stays idle until `open` is called again. */
  async release(): Promise<void> {
    this.#releasing = true;
    this.#refuseWaiters(notServing(this.#context.shard, "it is being released"));
    this.#wakeUp();
    await this.#owner?.release();
    await this.#running;
    this.#releasing = false;
  }

  // ── the loop ─────────────────────────────────────────────────────────────────────────────

  async #run(): Promise<void> {
    for (;;) {
      const tenure = await this.#take();
      if (tenure instanceof Error || this.#releasing) {
        this.#becomeIdle();
        this.#refuseWaiters(tenure);
        return;
      }
      const { owner } = tenure;
      this.#owner = owner;
      this.#refusal = undefined;
      for (const waiter of this.#waiters) waiter.resolve(owner);
      this.#waiters.clear();
      const end = await owner.ended;
      this.#owner = undefined;
      this.#rememberLog(end);
      if (end.cause === "released") {
        this.#becomeIdle();
        return;
      }
      this.#countLoss(end, tenure);
      this.#onDeposed(end.error);
    }
  }

  /** A shard that is served elsewhere needs no memory here. */
  #becomeIdle(): void {
    this.#running = undefined;
    this.#prefix = undefined;
  }

  /** Comes back with a tenure, or with the reason to give up. */
  async #take(): Promise<Tenure | Error> {
    const { clock, options, shard } = this.#context;
    const backoff = new Backoff(clock, options.retryPauseMs, PAUSE_MAX_MS);
    while (!this.#releasing) {
      if (this.#depositions.count > 0) await this.#beforeReclaim();
      if (this.#releasing) break;
      try {
        const tenure = await this.#takeOnce();
        if (tenure !== undefined) return tenure;
      } catch (error) {
        this.#lastError = error;
        if (isCutAway(error)) this.#prefix = undefined;
        if (isUnreadable(error)) return this.#unreadable(error);
        if (hasNoRoom(error)) this.#refuseFor(PAUSE_MAX_MS, error);
        this.#reportTry(error, backoff.waits);
        await backoff.wait();
        continue;
      }
      return notServing(shard, "the cluster's view gives it to another node");
    }
    return notServing(shard, "it is being released");
  }

  /** Once is enough for a person; the rest is for who looks closely. */
  #reportTry(error: unknown, triesBefore: number): void {
    const { logger, shard } = this.#context;
    const fields = { shard, error };
    if (triesBefore === 0) logger.warn("a shard could not be opened; trying again", fields);
    else logger.debug("a shard could still not be opened", fields);
  }

  /** undefined = the view gives the shard to another node. */
  async #takeOnce(): Promise<Tenure | undefined> {
    const context = this.#context;
    const sinceMs = context.clock.monotonicMs();
    this.#prefix ??= await recoverShard(context);
    const claim = await claimShard(context, this.#prefix, this.#history);
    if (claim === "not-ours") return undefined;
    if (claim === "forestalled") {
      this.#depositions.count += 1;
      throw notServing(context.shard, `${this.#prefix.state.node} claims it too`);
    }
    return { owner: new ShardOwner(context, this.#prefix, claim), claim, sinceMs };
  }

  #unreadable(error: TroupeError): Error {
    const { clock, options, shard, logger } = this.#context;
    logger.error("a shard's log cannot be read; it is not served", { shard, error });
    this.#prefix = undefined;
    this.#refusal = { error, untilMs: clock.monotonicMs() + options.stalledRetryMs };
    return error;
  }

  #rememberLog(end: TenureEnd): void {
    const prefix = this.#prefix;
    if (prefix === undefined) return;
    // A checkpoint that was under way has taken note of changes that it then did not write.
    prefix.checkpoint = { ...prefix.checkpoint, extendable: false };
    if (end.cause === "damaged" || isCutAway(end.error.cause)) this.#prefix = undefined;
  }

  #countLoss(end: TenureEnd, { claim, sinceMs }: Tenure): void {
    const { clock, options, observer, shard } = this.#context;
    observer.deposed?.(shard, end.error);
    const isLongAgo = clock.monotonicMs() - sinceMs > options.stalledRetryMs;
    const isOtherView = claim.clusterView !== this.#depositions.clusterView;
    const before = isLongAgo || isOtherView ? 0 : this.#depositions.count;
    const count = end.cause === "deposed" ? before + 1 : before;
    this.#depositions = { clusterView: claim.clusterView, count };
  }

  async #beforeReclaim(): Promise<void> {
    const { clock, options, random, rules } = this.#context;
    const { count } = this.#depositions;
    if (count > rules.reclaimsMax) await this.#stall();
    else await pause(clock, options.retryPauseMs * 2 ** count * (0.5 + random.next()));
  }

  async #stall(): Promise<void> {
    const { clock, options, shard, observer, logger } = this.#context;
    const by = this.#prefix?.state.node ?? "another node";
    const times = this.#depositions.count;
    const error = new TroupeError("TROUPE_SHARD_STALLED", { shard, by, times });
    logger.error("a shard is stalled", { shard, error });
    observer.stalled?.(shard, error);
    this.#refuseFor(options.stalledRetryMs, error);
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(options.stalledRetryMs, resolve);
      this.#wakeUp = () => {
        this.#refusal = undefined;
        timer.cancel();
        resolve();
      };
    });
    this.#wakeUp = () => {};
    this.#refusal = undefined;
    this.#depositions = { clusterView: -1, count: 0 };
  }

  /** Tries go on; whoever asks meanwhile learns why there is nothing to wait for. */
  #refuseFor(ms: number, error: unknown): void {
    this.#refusal = { error, untilMs: this.#context.clock.monotonicMs() + ms };
    this.#refuseWaiters(error);
  }

  #refuseWaiters(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}

/** A full disk has room when somebody makes some, which may take days. */
function hasNoRoom(error: unknown): boolean {
  const isRefused = isTroupeError(error, "TROUPE_JOURNAL_REFUSED");
  return isRefused && isTroupeError(error.cause, "TROUPE_JOURNAL_FULL");
}
