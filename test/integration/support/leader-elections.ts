/**
 * The cluster's own view of a fail-over, by a client that knows nothing of ours: asks the metadata of the brokers that
 * are left in a close loop, notes when the first of them names another leader, and writes a record to that leader at
 * once, to learn when it can confirm one.
 */
import { silentLogger } from "../../../src/actors/kernel/index.ts";
import { viewOf } from "../../../src/actors/persistence/journals/kafka/cluster-view.ts";
import {
  openWire,
  type Wire,
} from "../../../src/actors/persistence/journals/kafka/kafkajs-wire.ts";
import { encodeProduce } from "../../../src/actors/persistence/journals/kafka/produce-request.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** Times by `performance.now()`. */
export interface Election {
  readonly partition: number;
  readonly namedMs: number;
  /** When the new leader confirmed a record of a client that knew of it at once. */
  readonly confirmsMs: number;
}

interface ProduceAnswer {
  readonly topics: readonly { readonly partitions: readonly { readonly errorCode: number }[] }[];
}

/** The shards of a topic that one broker leads. */
interface Watched {
  readonly topic: string;
  readonly shards: number;
  readonly from: number;
}

const everyMs = 20;
/** Only what hangs meets it. */
const watchMsMax = 240_000;
const timeoutMs = 5_000;

export class LeaderElections {
  readonly #topic: string;
  readonly #shards: number;
  readonly #from: number;
  readonly #wires: ReadonlyMap<number, Wire>;
  readonly #elections = new Map<number, Promise<Election>>();
  readonly #askers: readonly Promise<void>[];
  #isEnding = false;

  private constructor({ topic, shards, from }: Watched, wires: ReadonlyMap<number, Wire>) {
    this.#topic = topic;
    this.#shards = shards;
    this.#from = from;
    this.#wires = wires;
    this.#askers = [...wires.values()].map((wire) => this.#ask(wire));
  }

  /** `others` are the brokers that stay well. */
  static async watch(
    watched: Watched,
    others: readonly { readonly id: number; readonly address: string }[],
  ): Promise<LeaderElections> {
    const options = { clientId: "elections", logger: silentLogger };
    const timeouts = { connectTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs };
    const wires = others.map(async ({ id, address }) => {
      return [id, await openWire(address, { ...options, ...timeouts })] as const;
    });
    return new LeaderElections(watched, new Map(await Promise.all(wires)));
  }

  async #ask(wire: Wire): Promise<void> {
    const led = new Set<number>();
    const asked = async (): Promise<boolean> => {
      const { partitions } = await viewOf(wire, this.#topic);
      const namedMs = performance.now();
      for (const [partition, { leader }] of partitions.slice(0, this.#shards).entries()) {
        if (leader === this.#from) led.add(partition);
        else if (led.has(partition) && leader >= 0 && !this.#elections.has(partition)) {
          this.#elections.set(partition, this.#probe({ partition, leader, namedMs }));
        }
      }
      return this.#isEnding;
    };
    await waitUntil("the elections are over", asked, { deadlineMs: watchMsMax, everyMs });
  }

  #probe(named: {
    readonly partition: number;
    readonly leader: number;
    readonly namedMs: number;
  }): Promise<Election> {
    const { partition, leader, namedMs } = named;
    const records = [Buffer.from("probe")];
    const options = { topic: this.#topic, ackTimeoutMs: timeoutMs, nowMs: Date.now() };
    const confirmed = async (): Promise<Election | undefined> => {
      const body = encodeProduce([{ partition, records }], options);
      const answer = await this.#wires.get(leader)?.send<ProduceAnswer>("Produce", body, timeoutMs);
      const codes = answer?.topics.flatMap((one) => one.partitions.map((two) => two.errorCode));
      return codes?.[0] === 0 ? { partition, namedMs, confirmsMs: performance.now() } : undefined;
    };
    return waitUntil("the new leader confirms a record", confirmed, {
      deadlineMs: watchMsMax,
      everyMs,
    });
  }

  /** One for each partition that has another leader now. */
  async end(): Promise<readonly Election[]> {
    this.#isEnding = true;
    await Promise.all(this.#askers);
    const elections = await Promise.all(this.#elections.values());
    for (const wire of this.#wires.values()) wire.close();
    return elections;
  }
}
