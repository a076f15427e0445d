/**
 * Asks several brokers who leads; the first answer counts. The connections stay open between
 * questions, because opening one is many times dearer than a question, above all on a busy machine.
 */
import { reasonOf, TroupeError } from "../../../kernel/index.ts";
import { type ClusterView, viewOf } from "./cluster-view.ts";
import { openWire, type Wire, type WireOptions } from "./kafkajs-wire.ts";

/** What a broker says of the cluster, and the connection that it was said on. */
export interface Sighting {
  readonly view: ClusterView;
  readonly wire: Wire;
}

export interface LookoutOptions {
  /** For messages: what it is looked out for. */
  readonly name: string;
  readonly topic: string;
  readonly wire: WireOptions;
}

export class Lookout {
  readonly #options: LookoutOptions;
  /** By address. */
  readonly #wires = new Map<string, Promise<Wire>>();
  /** Questions that are not answered yet, by address: none is asked twice at a time. */
  readonly #questions = new Map<string, Promise<Sighting>>();
  #isClosed = false;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Fails with `TROUPE_JOURNAL_UNAVAILABLE` when none of them answers. */
  async ask(addresses: readonly string[]): Promise<Sighting> {
    try {
      return await Promise.any(addresses.map((address) => this.#question(address)));
    } catch (error) {
      const reasons = new Set(error instanceof AggregateError ? error.errors.map(reasonOf) : []);
      const reason = `none of ${addresses.join(", ")} answers (${[...reasons].join("; ")})`;
      const details = { journal: this.#options.name, operation: "connect", reason };
      throw new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: error });
    }
  }

  #question(address: string): Promise<Sighting> {
    let question = this.#questions.get(address);
    if (question === undefined) {
      question = this.#ask(address).finally(() => this.#questions.delete(address));
      this.#questions.set(address, question);
    }
    return question;
  }

  async #ask(address: string): Promise<Sighting> {
    const wire = await this.#wire(address);
    try {
      return { wire, view: await viewOf(wire, this.#options.topic) };
    } catch (error) {
      this.#wires.delete(address);
      wire.close();
      throw error;
    }
  }

  async #wire(address: string): Promise<Wire> {
    const known = await this.#wires.get(address);
    if (known?.isIntact) return known;
    known?.close();
    const opening = openWire(address, this.#options.wire);
    this.#wires.set(address, opening);
    try {
      const wire = await opening;
      // It took so long to open that nobody waits for it any more.
      if (this.#isClosed) wire.close();
      return wire;
    } catch (error) {
      this.#wires.delete(address);
      throw error;
    }
  }

  /** Hands a connection over: it is the caller's to close. */
  take(wire: Wire): void {
    this.#wires.delete(wire.address);
  }

  close(): void {
    this.#isClosed = true;
    for (const opening of this.#wires.values()) {
      // One that fails to open has been told to who asked.
      opening.then((wire) => wire.close()).catch(() => {});
    }
    this.#wires.clear();
  }
}
