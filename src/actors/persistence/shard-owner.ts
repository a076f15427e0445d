/**
 * The owner of a shard for the time of one claim: it appends frames one by one and learns from the log what
 * became of each. When the claim has ended this object is of no more use; the next claim makes another one.
 *
 * Boundary: decides when a commit is confirmed and when the claim is lost. It does not claim, recover or
 * cut, and knows nothing of entities but their ids.
 *
 *   serving ─ a higher claim, a refusal, a fate that stays unknown, a damaged log, release ─▶ ended
 *
 *  W1. At most one frame is in flight. Its bytes never change: what is sent again is the same seq and data.
 *  W2. A frame is confirmed only at a place where the replay rule accepts it.
 *  W3. No caller is told "not written" of a frame that may be in the log.
 *  W4. Frames settle in the order of the log, each once.
 *  W5. After the end nothing is sent any more, and everything that waited has been settled.
 */
import { TroupeError } from "../kernel/index.ts";
import type { Appender } from "./append-lane.ts";
import { replayChain } from "./chain-replay.ts";
import { CheckpointParts, isCheckpointDue } from "./checkpoint.ts";
import { type Claim, notServing } from "./claim.ts";
import { type FrameNumbers, frameOverheadBytes } from "./frame.ts";
import { FateFinder, type TenureEnd } from "./frame-fate.ts";
import { GroupCommit } from "./group-commit.ts";
import type { AppendRequest, AppendResult, Position } from "./journal.ts";
import type { LogPrefix, OwnFrame } from "./log-prefix.ts";
import type { SealedFrame } from "./open-frame.ts";
import type { ShardContext } from "./shard-context.ts";
import type {
  Commit,
  DirectoryEntry,
  ReplayBounds,
  ReplayOutcome,
  Seat,
  ShardLog,
  StagedEvent,
  StoredEvent,
} from "./shard-log.ts";

interface InFlight extends OwnFrame {
  readonly sentMs: number;
  /** Absent in a part of a checkpoint. */
  readonly data?: SealedFrame;
}

interface WantedCheckpoint {
  readonly full: boolean;
  readonly dropBelow: Position;
  settle(error?: unknown): void;
}

export class ShardOwner implements ShardLog, Appender {
  readonly shard: number;
  /** Resolves once, when the claim has ended for whatever reason. */
  readonly ended: Promise<TenureEnd>;
  /** Where the log ended in the last round of cuts, or when the claim began. */
  roundMark: Position;
  readonly #context: ShardContext;
  readonly #prefix: LogPrefix;
  readonly #claim: Claim;
  readonly #groups: GroupCommit;
  readonly #replays = new Set<{ readonly from: Position }>();
  readonly #wanted: WantedCheckpoint[] = [];
  /** Wait for the checkpoint under way. */
  #served: readonly WantedCheckpoint[] = [];
  #parts: CheckpointParts | undefined;
  #partWasLast = false;
  #upkeepBytes = 0;
  /** A frame is in flight, or has its place in the next call. */
  #busy = false;
  #inFlight: InFlight | undefined;
  #end: TenureEnd | undefined;
  #releasing = false;
  #onIdle: () => void = () => {};
  #tellEnded: (end: TenureEnd) => void = () => {};

  constructor(context: ShardContext, prefix: LogPrefix, claim: Claim) {
    const { identity, journal, options } = context;
    this.shard = context.shard;
    this.#context = context;
    this.#prefix = prefix;
    this.#claim = claim;
    this.roundMark = prefix.at;
    const room = journal.recordBytesMax - frameOverheadBytes(identity);
    this.#groups = new GroupCommit(identity, prefix.directory, {
      frameBytes: options.frameBytes,
      frameBytesMax: journal.recordBytesMax,
      eventBytesMax: Math.min(options.eventBytesMax, room),
      stagedBytesMax: options.stagedBytesMax,
      persistenceIdBytesMax: options.persistenceIdBytesMax,
    });
    this.ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  get isServing(): boolean {
    return this.#end === undefined && !this.#releasing;
  }

  /** Of its frames that were no group commits. */
  get upkeepBytes(): number {
    return this.#upkeepBytes;
  }

  /** Everything below is confirmed and applied. */
  get confirmedEnd(): Position {
    return this.#prefix.at;
  }

  get confirmedCheckpoint(): Position {
    return this.#prefix.checkpoint.position;
  }

  commit(entity: string | Seat, events: readonly StagedEvent[]): Commit {
    if (!this.isServing) throw this.#notServing();
    const commit = this.#groups.add(entity, events);
    this.#wake();
    return commit;
  }

  barrier(): Promise<void> {
    if (!this.isServing) return Promise.reject(this.#notServing());
    const confirmed = this.#groups.next();
    this.#wake();
    return confirmed;
  }

  isPending(persistenceId: string): boolean {
    return this.#groups.isPending(persistenceId);
  }

  /** The number of the entity's newest event, confirmed or not. */
  lastSequenceNumberOf(persistenceId: string): number {
    return this.#groups.lastSequenceNumberOf(persistenceId);
  }

  entry(persistenceId: string): DirectoryEntry | undefined {
    return this.#prefix.directory.entry(persistenceId);
  }

  live(): Iterable<readonly [persistenceId: string, entry: DirectoryEntry]> {
    return this.#prefix.directory.live();
  }

  persistenceIds(): Iterable<string> {
    return this.#prefix.directory.persistenceIds();
  }

  /** Every entity; the entries change with the log. */
  entries(): Iterable<readonly [persistenceId: string, entry: DirectoryEntry]> {
    return this.#prefix.directory.entries();
  }

  /** The lowest position below `cut` that an entity, or a replay under way, may still read; else `cut`. */
  lowestNeeded(cut: Position): Position {
    let lowest = cut;
    for (const [, entry] of this.entries()) {
      if (this.#context.rules.needsCopy(entry, cut)) lowest = Math.min(lowest, entry.from);
    }
    for (const { from } of this.#replays) lowest = Math.min(lowest, from);
    return lowest;
  }

  async replay(
    persistenceId: string,
    onEvent: (event: StoredEvent) => void,
    bounds: ReplayBounds = {},
  ): Promise<ReplayOutcome> {
    const entry = this.entry(persistenceId);
    if (entry === undefined) {
      const highestSequenceNumber = this.#prefix.directory.sequenceNumberOf(persistenceId);
      return { highestSequenceNumber, origin: "first" };
    }
    this.#replays.add(entry);
    try {
      return await replayChain(this.#context, { persistenceId, entry, bounds }, onEvent);
    } finally {
      this.#replays.delete(entry);
    }
  }

  /** Writes a checkpoint; resolves when it counts. Deleted entities below `dropBelow` are forgotten by a full one. */
  checkpoint(options: { readonly full: boolean; readonly dropBelow?: Position }): Promise<void> {
    if (!this.isServing) return Promise.reject(this.#notServing());
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => (error === undefined ? resolve() : reject(error));
      this.#wanted.push({ full: options.full, dropBelow: options.dropBelow ?? 0, settle });
      this.#wake();
    });
  }

  /** Events that a recovery would sweep now. */
  get eventsSinceCheckpoint(): number {
    return this.#prefix.swept.events;
  }

  /** Sends what waits, then ends the tenure. New commits are refused from the start. */
  async release(): Promise<void> {
    if (!this.isServing) return;
    this.#releasing = true;
    if (this.#busy) {
      const isIdle = new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      await Promise.race([isIdle, this.ended]);
    }
    this.#endWith({ cause: "released", error: notServing(this.shard, "it was released") });
  }

  #notServing(): Error {
    return notServing(this.shard, "its claim has ended", this.#end?.error);
  }

  // ── the append loop ──────────────────────────────────────────────────────────────────────

  #wake(): void {
    if (this.#busy || this.#end !== undefined || !this.#hasWork()) return;
    this.#busy = true;
    this.#context.lane.ready(this);
  }

  #hasWork(): boolean {
    return this.#groups.hasWaiting || this.#parts !== undefined || this.#checkpointIsWanted();
  }

  #checkpointIsWanted(): boolean {
    return this.#wanted.length > 0 || isCheckpointDue(this.#prefix.swept, this.#context.options);
  }

  /** Called by the lane when a call goes out. */
  seal(): AppendRequest | undefined {
    if (this.#end !== undefined) return undefined;
    const wantsPart = this.#parts !== undefined || this.#checkpointIsWanted();
    // Parts take turns with data, so that a long checkpoint stops nobody.
    const part = wantsPart && !(this.#partWasLast && this.#groups.hasWaiting);
    this.#partWasLast = part;
    this.#inFlight = part ? this.#sealPart() : this.#sealData();
    return { shard: this.shard, expected: this.#prefix.at, bytes: this.#inFlight.bytes };
  }

  #numbers(kind: "data" | "checkpoint"): FrameNumbers & { readonly node: string } {
    const { term, nonce, clusterView } = this.#claim;
    const seq = this.#prefix.state.seq + 1;
    const { node } = this.#context.identity;
    return {
      kind,
      term,
      nonce,
      seq,
      clusterView,
      node,
      confirmedCheckpoint: this.confirmedCheckpoint,
    };
  }

  #sealData(): InFlight {
    const numbers = this.#numbers("data");
    const data = this.#groups.seal(numbers);
    return { numbers, bytes: data.bytes, events: data.events, sentMs: this.#observedMs(), data };
  }

  #sealPart(): InFlight {
    // Begun here and not before: a frame between the beginning and the first part would be in neither.
    this.#parts ??= this.#beginCheckpoint();
    const parts = this.#parts;
    const numbers = this.#numbers("checkpoint");
    return { numbers, bytes: parts.seal(numbers), events: 0, sentMs: this.#observedMs() };
  }

  #beginCheckpoint(): CheckpointParts {
    const { identity, journal, options } = this.#context;
    const known = this.#prefix.checkpoint;
    const dropBelow = Math.max(0, ...this.#wanted.map((wanted) => wanted.dropBelow));
    const parts = new CheckpointParts(this.#prefix.directory, known, {
      identity,
      partBytes: Math.min(options.checkpointPartBytes, journal.recordBytesMax / 2),
      full:
        known.chainLength >= options.checkpointFullEvery ||
        this.#wanted.some((wanted) => wanted.full),
      dropBelow,
    });
    this.#served = this.#wanted.splice(0);
    this.#prefix.swept.events = 0;
    this.#prefix.swept.bytes = 0;
    return parts;
  }

  /** Called by the lane with the result of the call. */
  settle(result: AppendResult): void {
    const sent = this.#inFlight;
    if (sent === undefined || this.#end !== undefined) return;
    if (result.outcome === "at" && result.clean && result.at >= this.#prefix.at) {
      this.#prefix.takeOwn(sent, result.next);
      this.#groups.landed(result.at);
      this.#landed(sent, result.at);
    } else {
      void this.#findOut(sent, result);
    }
  }

  async #findOut(sent: InFlight, result: AppendResult): Promise<void> {
    const finder = new FateFinder(this.#context, this.#prefix, sent);
    const fate = await finder.find(result, () => this.#end !== undefined);
    if (fate === undefined || this.#end !== undefined) return;
    if ("cause" in fate) {
      this.#endWith(fate);
      return;
    }
    this.#groups.landed(undefined);
    this.#landed(sent, fate.position);
    if (this.#prefix.state.nonce !== this.#claim.nonce) this.#deposedBehind();
  }

  /** The frame counts, at this place, and has been applied to the prefix. */
  #landed(sent: InFlight, position: Position): void {
    const { observer, shard } = this.#context;
    const bytes = sent.bytes.length;
    this.#inFlight = undefined;
    this.#busy = false;
    if (sent.data === undefined) {
      this.#upkeepBytes += bytes;
      this.#partLanded(position);
    } else sent.data.settle();
    if (observer.frameConfirmed !== undefined) {
      const waitMs = this.#observedMs() - sent.sentMs;
      observer.frameConfirmed(shard, { events: sent.events, bytes, waitMs });
    }
    this.#wake();
    if (!this.#busy) this.#onIdle();
  }

  #partLanded(position: Position): void {
    const parts = this.#parts as CheckpointParts;
    const checkpoint = parts.landed(position);
    if (checkpoint === undefined) return;
    this.#prefix.checkpoint = checkpoint;
    this.#parts = undefined;
    for (const wanted of this.#served) wanted.settle();
    this.#served = [];
    // The pointer to it goes out at once, with data or in an empty frame: an idle shard recovers fast too.
    if (this.#context.rules.pointsBeforeCut) void this.#groups.next();
    const { full, entities } = parts;
    this.#context.observer.checkpointed?.(this.shard, { entities, full, position });
  }

  #deposedBehind(): void {
    const by = this.#prefix.state.node;
    const error = new TroupeError("TROUPE_SHARD_DEPOSED", { shard: this.shard, by });
    this.#endWith({ cause: "deposed", error });
  }

  #endWith(end: TenureEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#inFlight?.data?.settle(end.error);
    this.#inFlight = undefined;
    // What was never sent is certainly not written.
    const unsent = this.#notServing();
    this.#groups.abandon(unsent);
    for (const wanted of [...this.#served, ...this.#wanted]) wanted.settle(unsent);
    this.#served = [];
    this.#wanted.length = 0;
    this.#tellEnded(end);
  }

  /** The time, where somebody wants it: reading it is a good part of what a small frame costs. */
  #observedMs(): number {
    const { clock, observer } = this.#context;
    return observer.frameConfirmed === undefined ? 0 : clock.monotonicMs();
  }
}
