/** One store under load: an oracle, the bank process of the moment, and what is done to them. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { waitUntil } from "../support/wait-until.ts";
import { Child } from "./child.ts";
import { auditJournal } from "./log-audit.ts";
import { readOracleFile } from "./oracle-file.ts";
import type { Seeded } from "./seeded.ts";
import type { BankStore } from "./store.ts";
import { type Verdict, verdictOn } from "./verdict.ts";

/** How long a lane may stand still before that is a violation: longer than a stalled shard waits. */
const standstillMsMax = 120_000;
/** Between two reports of a process that stands still: what has moved meanwhile shows in the second. */
const reportPauseMs = 3_000;
/** About what a burst takes. */
const burstMsMax = 40;

export interface LaneOptions {
  readonly name: string;
  readonly folder: string;
  readonly store: BankStore;
  readonly random: Seeded;
  readonly commandsPerSecond: number;
  /** Planted in every bank process; see `bank-process.ts`. */
  readonly fault?: string;
  readonly say: (text: string) => void;
}

export interface LaneOutcome extends Verdict {
  readonly frames: number;
  readonly skipped: Readonly<Record<string, number>>;
}

export class Lane {
  readonly name: string;
  readonly random: Seeded;
  /** How often each kind of harm was done. */
  readonly harms = new Map<string, number>();
  kills = 0;
  /** Processes that found their shards unavailable for so long that they gave up before they served. */
  givenUp = 0;
  readonly #options: LaneOptions;
  readonly #oracle: Child;
  #bank: Child;
  #acked = 0;
  #open = 0;
  /** The last report was made after the oracle's last command: none open means that there will be none. */
  #hasStopped = false;

  constructor(options: LaneOptions) {
    const { folder, random, commandsPerSecond } = options;
    this.#options = options;
    this.name = options.name;
    this.random = random;
    const seed = String(random.below(2 ** 31));
    const args = [this.#socket, join(folder, "oracle.log"), seed, String(commandsPerSecond)];
    this.#oracle = new Child("oracle-process", args, (line) => {
      const [acked, open, stopped] = line.split(" ");
      this.#acked = Number(acked);
      this.#open = Number(open);
      this.#hasStopped = stopped !== undefined;
    });
    this.#bank = this.#newBank();
  }

  get acked(): number {
    return this.#acked;
  }

  get #socket(): string {
    return join(this.#options.folder, "oracle.sock");
  }

  #newBank(): Child {
    const { store, fault } = this.#options;
    const args = [this.#socket, JSON.stringify(store), ...(fault === undefined ? [] : [fault])];
    return new Child("bank-process", args);
  }

  /** Does what a supervisor does: starts one again that could not open its shards in time, and no other. */
  #superviseBank(): void {
    const bank = this.#bank;
    if (!bank.hasEnded) return;
    if (bank.has("serving") || !bank.lastWords.includes("TROUPE_SHARD_NOT_SERVING")) {
      bank.checkAlive();
    }
    this.givenUp++;
    this.#options.say(`${this.name}: a writer could not open its shards in time`);
    this.#bank = this.#newBank();
  }

  /** Commands are being acknowledged, and some more on top so that the next harm comes anywhere. */
  async flows(): Promise<void> {
    const enough = this.#acked + 20 + this.random.below(300);
    await this.#comesTo(`${this.#options.name} acknowledges commands again`, () => {
      this.#oracle.checkAlive();
      return this.#acked >= enough;
    });
  }

  /** Waits for what has to happen while the bank is alive; if it does not, the bank says why. */
  async #comesTo(what: string, condition: () => boolean): Promise<void> {
    const supervised = (): boolean => {
      this.#superviseBank();
      return condition();
    };
    try {
      await waitUntil(what, supervised, { deadlineMs: standstillMsMax });
    } catch (error) {
      const first = await this.#bank.asked("report");
      await pause(reportPauseMs);
      const second = await this.#bank.asked("report");
      const { say, name } = this.#options;
      say(`${name}: ${this.#acked} acknowledged, ${this.#open} open; the writer's last words:`);
      say(`${this.#bank.lastWords}\n${first}\n${second}`);
      throw error;
    }
  }

  async harm(kind: string, work: () => Promise<void>): Promise<void> {
    this.harms.set(kind, (this.harms.get(kind) ?? 0) + 1);
    this.#options.say(`${this.#options.name}: ${kind}, after ${this.#acked} acknowledgements`);
    await work();
  }

  /** In the middle of a burst, so that commands are under way at every stage. */
  async #midBurst(): Promise<void> {
    this.#oracle.say("burst");
    await pause(this.random.below(burstMsMax));
  }

  async killBank(): Promise<void> {
    await this.#midBurst();
    this.kills++;
    await this.#bank.kill();
    this.#bank = this.#newBank();
  }

  /**
   * The writer stands still while another takes its shards over; then it goes on, with commands in
   * hand and frames on its way that must not count any more.
   */
  async takeOver(): Promise<void> {
    const old = this.#bank;
    await this.#midBurst();
    old.freeze();
    this.#bank = this.#newBank();
    await this.flows();
    old.thaw();
    // It notices when it had frames on their way; else it must have done no harm.
    const enough = this.#acked + 300;
    await waitUntil("the old writer knows", () => old.has("deposed") || this.#acked >= enough, {
      deadlineMs: standstillMsMax,
    });
    this.kills++;
    await old.kill();
  }

  /** No new commands; every one that was sent is acknowledged; every transfer has arrived. */
  async finish(journal: () => Promise<Journal>): Promise<LaneOutcome> {
    const { folder, name } = this.#options;
    this.#oracle.say("stop");
    await this.#comesTo(
      `${name} has acknowledged everything`,
      () => this.#hasStopped && this.#open === 0,
    );
    this.#bank.say("finish");
    const states = (await this.#bank.hears("states ")).slice("states ".length);
    await Promise.all([this.#bank.kill(), this.#oracle.kill()]);
    const opened = await journal();
    try {
      const audit = await auditJournal(opened);
      const record = await readOracleFile(join(folder, "oracle.log"));
      const verdict = verdictOn(record, audit, JSON.parse(states) as Record<string, number>);
      const { frames, skipped } = audit;
      return { ...verdict, frames, skipped: Object.fromEntries(skipped) };
    } finally {
      await opened.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#bank.kill(), this.#oracle.kill()]);
  }
}
