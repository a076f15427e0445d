/**
 * A world of virtual time around the journal protocol: one shard's log, a cluster view, and nodes that are
 * paused and killed. Everything that a node waits for (appends, reads, the view, timers) is an operation here, and
 * a seed decides which one happens next. So one seed is one history, with the real code in it.
 */
import {
  type Clock,
  type Random,
  seededRandom,
  type Timer,
  TroupeError,
} from "../../src/actors/kernel/index.ts";
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalRecord,
  Position,
} from "../../src/actors/persistence/journal.ts";
import type { ViewSource } from "../../src/actors/persistence/shard-context.ts";

export const JOURNAL_ID = "00112233445566778899aabbccddeeff";
export const RECORD_BYTES_MAX = 800;

type Fate = "at" | "lost-ack" | "late" | "dropped" | "refused" | "duplicate" | "displaced";

/** Out of 100 appends. The rest arrives and is acknowledged. */
const fates: readonly (readonly [Fate, number])[] = [
  ["lost-ack", 11],
  ["late", 10],
  ["dropped", 6],
  ["refused", 2],
  ["duplicate", 4],
  ["displaced", 2],
];
export const LATE_STEPS_MAX = 50;
const PAUSE_STEPS_MAX = 150;
/** What a new leader does not show yet. */
const HIDDEN_RECORDS_MAX = 4;
const HIDDEN_STEPS_MAX = 40;

interface LateRecord {
  readonly dueMs: number;
  readonly bytes: Uint8Array;
}

/** What a node waits for. Killed with the node. */
export class Mailbag {
  ops: (() => void)[] = [];
  timers: { dueMs: number; fire: () => void }[] = [];
  pausedUntilMs = 0;
  isDead = false;
  viewListeners: (() => void)[] = [];
}

export class World {
  readonly seed: number;
  readonly draw: () => number;
  nowMs = 0;
  faults = true;
  /** Everything that ever landed, what has been cut away included. */
  readonly log: JournalRecord[] = [];
  low: Position = 0;
  view = { number: 1, owner: 0 };
  /** Called at every step while there are faults. */
  onStep: () => void = () => {};
  /** Under a new leader the newest records cannot be read for a while. */
  #hidden = { from: Number.POSITIVE_INFINITY, untilMs: 0 };
  readonly #late: LateRecord[] = [];
  readonly #bags: Mailbag[] = [];
  readonly #random: Random;
  readonly nodes: number;

  constructor(seed: number, nodes: number) {
    this.seed = seed;
    this.nodes = nodes;
    this.#random = seededRandom(seed);
    this.draw = () => this.#random.next();
  }

  pick(below: number): number {
    return Math.floor(this.draw() * below);
  }

  get end(): Position {
    return this.log.at(-1)?.next ?? 0;
  }

  /** A new incarnation of a node, with nothing to do yet. */
  addBag(): Mailbag {
    const bag = new Mailbag();
    this.#bags.push(bag);
    return bag;
  }

  /** The node is gone at once; what it had sent may still land. */
  kill(bag: Mailbag): void {
    bag.isDead = true;
    bag.ops = [];
    bag.timers = [];
    this.#bags.splice(this.#bags.indexOf(bag), 1);
  }

  /** Something happens: a record lands, the view moves, a node stops for a while, or one operation is done. */
  step(): boolean {
    this.nowMs += 1;
    this.#landLate();
    if (this.faults) this.#disturb();
    const runnable = this.#bags.filter((bag) => this.#canRun(bag));
    const bag = runnable[this.pick(runnable.length)];
    if (bag === undefined) return false;
    if (this.faults && this.draw() < 0.005) {
      bag.pausedUntilMs = this.nowMs + this.pick(PAUSE_STEPS_MAX);
    }
    return bag.pausedUntilMs <= this.nowMs && this.#doOne(bag);
  }

  #disturb(): void {
    if (this.draw() < 0.01) this.#moveView();
    if (this.draw() < 0.004) this.#moveLeader();
    this.onStep();
  }

  #moveLeader(): void {
    const { position } = this.log.at(-1 - this.pick(HIDDEN_RECORDS_MAX)) ?? { position: 0 };
    const untilMs = this.nowMs + this.pick(HIDDEN_STEPS_MAX);
    this.#hidden = { from: Math.max(this.low, position), untilMs };
  }

  /** Where a reader meets the end. */
  get #shownEnd(): Position {
    return this.faults && this.nowMs < this.#hidden.untilMs ? this.#hidden.from : this.end;
  }

  #canRun({ ops, timers, pausedUntilMs }: Mailbag): boolean {
    if (pausedUntilMs > this.nowMs) return false;
    return ops.length > 0 || timers.some(({ dueMs }) => dueMs <= this.nowMs);
  }

  #moveView(): void {
    this.view = { number: this.view.number + 1, owner: this.pick(this.nodes) };
    for (const { ops, viewListeners } of this.#bags) ops.push(...viewListeners);
  }

  #doOne(bag: Mailbag): boolean {
    const due: number[] = [];
    for (const [index, { dueMs }] of bag.timers.entries()) if (dueMs <= this.nowMs) due.push(index);
    const choice = this.pick(due.length + bag.ops.length);
    if (choice < due.length) {
      const [timer] = bag.timers.splice(due[choice] as number, 1);
      timer?.fire();
      return true;
    }
    const [op] = bag.ops.splice(choice - due.length, 1);
    op?.();
    return op !== undefined;
  }

  /** Lets time pass until something can happen, if nothing can now. */
  skipIdle(): void {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { ops, timers, pausedUntilMs } of this.#bags) {
      if (ops.length > 0) nextMs = Math.min(nextMs, pausedUntilMs);
      for (const { dueMs } of timers) nextMs = Math.min(nextMs, Math.max(dueMs, pausedUntilMs));
    }
    for (const { dueMs } of this.#late) nextMs = Math.min(nextMs, dueMs);
    if (nextMs > this.nowMs && nextMs !== Number.POSITIVE_INFINITY) this.nowMs = nextMs - 1;
  }

  clockOf(bag: Mailbag): Clock {
    return {
      nowMs: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      setTimer: (delayMs, fire): Timer => {
        const timer = { dueMs: this.nowMs + delayMs, fire };
        if (!bag.isDead) bag.timers.push(timer);
        return {
          cancel: () => {
            const index = bag.timers.indexOf(timer);
            if (index >= 0) bag.timers.splice(index, 1);
          },
        };
      },
    };
  }

  viewOf(bag: Mailbag): ViewSource {
    return {
      current: () =>
        this.operation(bag, () => {
          if (this.faults && this.draw() < 0.03) throw new Error("the view cannot be read");
          const { number, owner } = this.view;
          return { number, owns: () => owner === this.#nodeOf.get(bag) };
        }),
      onChange: (listener) => {
        bag.viewListeners.push(listener);
        return () => {
          bag.viewListeners = bag.viewListeners.filter((other) => other !== listener);
        };
      },
    };
  }

  readonly #nodeOf = new WeakMap<Mailbag, number>();

  /** The log as one node sees it. */
  journalOf(bag: Mailbag, node: number): Journal {
    this.#nodeOf.set(bag, node);
    return {
      journalId: JOURNAL_ID,
      shards: 1,
      recordBytesMax: RECORD_BYTES_MAX,
      tail: () =>
        this.#read(bag, () => {
          // A new leader does not say where the log ends before it knows (Kafka's KIP-207).
          if (this.#shownEnd < this.end) throw new Error("the leader is new");
          return { low: this.low, end: this.end };
        }),
      read: (_shard, from, bytesMax) =>
        this.#read(bag, () => {
          if (from < this.low) throw this.#outOfRange(from);
          const records: JournalRecord[] = [];
          let bytes = 0;
          for (let index = this.#indexFrom(from); index < this.log.length; index++) {
            const record = this.log[index] as JournalRecord;
            if (record.position >= this.#shownEnd) break;
            if (records.length > 0 && bytes + record.bytes.length > bytesMax) break;
            records.push(record);
            bytes += record.bytes.length;
          }
          return { records, next: records.at(-1)?.next ?? from };
        }),
      readAt: (_shard, position) => this.#read(bag, () => this.recordAt(position)),
      append: (requests) => this.#append(bag, requests[0] as AppendRequest),
      cut: (_shard, before) =>
        this.operation(bag, () => {
          this.low = Math.max(this.low, before);
        }),
      close: () => Promise.resolve(),
    };
  }

  recordAt(position: Position): JournalRecord {
    if (position < this.low) throw this.#outOfRange(position);
    const record = this.log[this.#indexFrom(position)];
    if (record?.position !== position) throw new Error(`nothing begins at ${position}`);
    return record;
  }

  /** A record lands. Places have holes between them, as in a log of bytes. */
  land(bytes: Uint8Array): JournalRecord {
    const position = this.end + this.pick(60);
    // A log of its own: whoever appended may use the memory of its bytes again.
    const record = { position, next: position + 1 + this.pick(60), bytes: Buffer.from(bytes) };
    this.log.push(record);
    return record;
  }

  #append(bag: Mailbag, request: AppendRequest): Promise<readonly AppendResult[]> {
    return new Promise((resolve) => {
      bag.ops.push(() => {
        const result = this.#meetFate(request);
        bag.ops.push(() => resolve([result]));
      });
    });
  }

  #meetFate({ bytes, expected }: AppendRequest): AppendResult {
    const fate = this.faults ? this.#drawFate() : "at";
    const uncertain = { outcome: "uncertain", cause: fate } as const;
    if (fate === "refused") return { outcome: "refused", cause: fate };
    if (fate === "dropped") return uncertain;
    if (fate === "late") {
      const dueMs = this.nowMs + 1 + this.pick(LATE_STEPS_MAX);
      this.#late.push({ dueMs, bytes: Buffer.from(bytes) });
      return uncertain;
    }
    const endBefore = this.end;
    if (fate === "displaced") this.land(this.#random.bytes(1 + this.pick(30)));
    if (fate === "duplicate") this.land(bytes);
    const { position: at, next } = this.land(bytes);
    if (fate === "lost-ack") return uncertain;
    // What is acknowledged can be read.
    this.#hidden.untilMs = 0;
    const clean = endBefore <= expected && (fate === "at" || at < expected);
    return { outcome: "at", at, next, clean };
  }

  #drawFate(): Fate {
    let chance = this.draw() * 100;
    for (const [fate, percent] of fates) {
      chance -= percent;
      if (chance < 0) return fate;
    }
    return "at";
  }

  #landLate(): void {
    for (let index = this.#late.length - 1; index >= 0; index--) {
      const { dueMs, bytes } = this.#late[index] as LateRecord;
      if (dueMs > this.nowMs) continue;
      this.#late.splice(index, 1);
      this.land(bytes);
    }
  }

  #read<T>(bag: Mailbag, answer: () => T): Promise<T> {
    return this.operation(bag, () => {
      if (this.faults && this.draw() < 0.02) throw new Error("the log cannot be read just now");
      return answer();
    });
  }

  /** Something that a node asks for and that is done when its turn comes. */
  operation<T>(bag: Mailbag, answer: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      bag.ops.push(() => {
        try {
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #indexFrom(position: Position): number {
    let low = 0;
    let high = this.log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.log[middle] as JournalRecord).position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #outOfRange(position: Position): TroupeError {
    return new TroupeError("TROUPE_JOURNAL_OUT_OF_RANGE", { shard: 0, position, first: this.low });
  }
}
