/**
 * A journal that goes wrong in every way that the port allows, around one that does not. What
 * goes wrong is scripted (`next`), or drawn from `random` at given rates, so that a run can be
 * repeated from its seed.
 *
 * F1. It breaks no promise of the port: what it answers `at` is in the inner journal at that
 *     place, what it refuses never lands, and only what it answers `uncertain` may do either.
 * F2. Time is counted in steps: each call is one, and `step` makes more. A late record lands in
 *     the inner journal when its step comes, before the call that makes the step is served.
 */
import { type Random, systemRandom, TroupeError } from "../../../kernel/index.ts";
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalPage,
  JournalRecord,
  Position,
  ShardExtent,
} from "../../journal.ts";

export type AppendFault =
  /** Lands at once; the answer is `uncertain`. */
  | "lost-ack"
  /** The answer is `uncertain`; it lands up to `lateStepsMax` steps later. */
  | "late"
  /** The answer is `uncertain`; it never lands. */
  | "dropped"
  /** It never lands, and the answer says so. */
  | "refused"
  /** A record that is no frame lands just before it: `at` is not where it was expected. */
  | "displaced"
  /** It lands twice, and the answer names the second place. */
  | "duplicate";

export type ReadFault =
  /** `tail`, `read` or `readAt` fails; the next one may succeed. */
  | "read-error"
  /** `read` returns one record, although more are there. */
  | "short-read";

export interface FaultJournalOptions {
  /** Decides everything that is left to chance. Default: the machine's. */
  readonly random?: Random;
  /** How often each fault happens by chance, 0 to 1; they add up to at most 1. Default: never. */
  readonly rates?: Readonly<Partial<Record<AppendFault | ReadFault, number>>>;
  /** Steps after which a late record has landed. Default 50. */
  readonly lateStepsMax?: number;
  /** The record that displaces another. Default: up to 64 random bytes. */
  readonly junk?: (shard: number, random: Random) => Uint8Array;
}

export interface FaultJournal extends Journal {
  /** The fates of the coming appends (one for each request) and reads, before chance decides again. */
  next(...faults: readonly (AppendFault | ReadFault | "none")[]): void;
  /** Lets time pass: late records land. */
  step(count?: number): Promise<void>;
  /** Late records that have not landed yet. */
  readonly latePending: number;
  /** Ends all faults by chance, and lands what is late. */
  calm(): Promise<void>;
  /** Appends wait, as behind a frozen store, until the function that is returned is called. */
  hold(): () => void;
  /** What went wrong so far. */
  readonly counts: Readonly<Record<AppendFault | ReadFault, number>>;
}

const appendFaults = ["lost-ack", "late", "dropped", "refused", "displaced", "duplicate"] as const;
const readFaults = ["read-error", "short-read"] as const;

interface Late {
  readonly request: AppendRequest;
  readonly dueStep: number;
}

function isReadFault(fault: string): fault is ReadFault {
  return (readFaults as readonly string[]).includes(fault);
}

class FaultyJournal implements FaultJournal {
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax: number;
  readonly counts: Record<AppendFault | ReadFault, number>;
  readonly #inner: Journal;
  readonly #options: Required<FaultJournalOptions>;
  #rates: NonNullable<FaultJournalOptions["rates"]>;
  readonly #appendScript: (AppendFault | "none")[] = [];
  readonly #readScript: ReadFault[] = [];
  #late: Late[] = [];
  #steps = 0;
  #held: Promise<void> | undefined;

  constructor(inner: Journal, options: Required<FaultJournalOptions>) {
    this.journalId = inner.journalId;
    this.shards = inner.shards;
    this.recordBytesMax = inner.recordBytesMax;
    this.#inner = inner;
    this.#options = options;
    this.#rates = options.rates;
    this.counts = {
      "lost-ack": 0,
      late: 0,
      dropped: 0,
      refused: 0,
      displaced: 0,
      duplicate: 0,
      "read-error": 0,
      "short-read": 0,
    };
  }

  next(...faults: readonly (AppendFault | ReadFault | "none")[]): void {
    for (const fault of faults) {
      if (isReadFault(fault)) this.#readScript.push(fault);
      else this.#appendScript.push(fault);
    }
  }

  get latePending(): number {
    return this.#late.length;
  }

  async step(count = 1): Promise<void> {
    this.#steps += count;
    const due = this.#late.filter(({ dueStep }) => dueStep <= this.#steps);
    if (due.length === 0) return;
    this.#late = this.#late.filter(({ dueStep }) => dueStep > this.#steps);
    due.sort((one, other) => one.dueStep - other.dueStep);
    await this.#inner.append(due.map(({ request }) => request));
  }

  async calm(): Promise<void> {
    this.#rates = {};
    await this.step(this.#options.lateStepsMax);
  }

  hold(): () => void {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#held = held;
    return () => {
      if (this.#held === held) this.#held = undefined;
      release();
    };
  }

  async append(requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    // Fates are drawn in the order of the calls, however long each one then waits.
    const fates = requests.map(() => this.#fateOfAppend());
    while (this.#held !== undefined) await this.#held;
    await this.step();
    const landing: AppendRequest[] = [];
    const places = requests.map((request, number) => {
      const fate = fates[number] ?? "none";
      if (fate === "displaced") {
        const bytes = this.#options.junk(request.shard, this.#options.random);
        landing.push({ shard: request.shard, expected: request.expected, bytes });
      }
      if (fate === "late") this.#postpone(request);
      if (fate === "late" || fate === "dropped" || fate === "refused") return -1;
      if (fate === "duplicate") landing.push(request);
      return landing.push(request) - 1;
    });
    const landed = landing.length === 0 ? [] : await this.#inner.append(landing);
    return places.map((place, number) => answer(fates[number] ?? "none", landed[place]));
  }

  #postpone({ shard, expected, bytes }: AppendRequest): void {
    const delay = 1 + Math.floor(this.#options.random.next() * this.#options.lateStepsMax);
    const request = { shard, expected, bytes: Uint8Array.from(bytes) };
    this.#late.push({ request, dueStep: this.#steps + delay });
  }

  #fateOfAppend(): AppendFault | "none" {
    const fate = this.#appendScript.shift() ?? this.#draw(appendFaults);
    if (fate !== "none") this.counts[fate]++;
    return fate;
  }

  #draw<Fault extends AppendFault | ReadFault>(faults: readonly Fault[]): Fault | "none" {
    if (faults.every((fault) => this.#rates[fault] === undefined)) return "none";
    let chance = this.#options.random.next();
    for (const fault of faults) {
      chance -= this.#rates[fault] ?? 0;
      if (chance < 0) return fault;
    }
    return "none";
  }

  /** True when the page is to be cut short. */
  async #beforeRead(operation: string): Promise<boolean> {
    await this.step();
    const fate = this.#readScript.shift() ?? this.#draw(readFaults);
    if (fate !== "none") this.counts[fate]++;
    if (fate === "read-error") throw injected(operation, fate);
    return fate === "short-read";
  }

  async tail(shard: number): Promise<ShardExtent> {
    await this.#beforeRead("tail");
    return this.#inner.tail(shard);
  }

  async read(shard: number, from: Position, bytesMax: number): Promise<JournalPage> {
    const isShort = await this.#beforeRead("read");
    return this.#inner.read(shard, from, isShort ? 1 : bytesMax);
  }

  async readAt(shard: number, position: Position): Promise<JournalRecord> {
    await this.#beforeRead("readAt");
    return this.#inner.readAt(shard, position);
  }

  async cut(shard: number, before: Position): Promise<void> {
    await this.step();
    await this.#inner.cut(shard, before);
  }

  /** Closes the inner journal; what is late never lands. */
  async close(): Promise<void> {
    this.#late = [];
    await this.#inner.close();
  }
}

function injected(operation: string, fault: AppendFault | ReadFault): TroupeError {
  const reason = `injected fault "${fault}"`;
  return new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", {
    journal: "under test",
    operation,
    reason,
  });
}

function answer(fate: AppendFault | "none", landed: AppendResult | undefined): AppendResult {
  if (fate === "refused") return { outcome: "refused", cause: injected("append", fate) };
  if (landed?.outcome === "refused" || fate === "none" || fate === "displaced") {
    return landed ?? { outcome: "uncertain", cause: injected("append", "dropped") };
  }
  if (fate === "duplicate" && landed !== undefined) return landed;
  return { outcome: "uncertain", cause: injected("append", fate) };
}

function randomJunk(_shard: number, random: Random): Uint8Array {
  return random.bytes(1 + Math.floor(random.next() * 64));
}

/** Puts faults around `inner`; without script and rates it behaves as `inner` does. */
export function faultJournal(inner: Journal, options: FaultJournalOptions = {}): FaultJournal {
  const { random = systemRandom, rates = {}, lateStepsMax = 50, junk = randomJunk } = options;
  return new FaultyJournal(inner, { random, rates, lateStepsMax, junk });
}
