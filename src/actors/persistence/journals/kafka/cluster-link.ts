/**
 * The way to the brokers. Opened by racing one connection to each known broker, so that a dead or
 * frozen one costs nothing; thrown away whole after anything went wrong, because a connection
 * that once failed to answer proves nothing by being open.
 *
 * C1. A generation of connections is used until it is distrusted, or one of its wires breaks; the
 *     next request then opens a new one.
 * C2. Requests under way on distrusted wires may still be answered; their wires are closed when
 *     the last of them has settled.
 * C3. While a request to a leader waits for longer than `suspectMs`, other brokers are asked who
 *     leads; when that is another one, the request is given up at once, not at its time-out.
 */
import { type Clock, reasonOf, TroupeError } from "../../../kernel/index.ts";
import { closed } from "../journal-errors.ts";
import { type ClusterView, viewOf } from "./cluster-view.ts";
import { openWire, type Wire, type WireOptions } from "./kafkajs-wire.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";

export interface ClusterLinkOptions {
  /** host:port of brokers to begin with. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly wire: WireOptions;
  readonly clock: Clock;
}

/** Where a request goes, and for which partitions that node has to be the leader. */
export interface Destination {
  readonly node: number;
  readonly partitions: readonly number[];
}

/** A leader that takes longer is asked after at the others. */
const suspectMs = 250;
/** The least time between two openings, so that a cluster that is away is not dialled in a loop. */
const openPauseMs = 100;

/** One generation of connections. */
interface Generation {
  readonly view: ClusterView;
  readonly opening: Map<string, Promise<Wire>>;
  readonly wires: Wire[];
  requests: number;
  isDistrusted: boolean;
}

export class ClusterLink {
  readonly #options: ClusterLinkOptions;
  readonly #addresses: Set<string>;
  #current: Generation | undefined;
  #opening: Promise<Generation> | undefined;
  #openedMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: ClusterLinkOptions) {
    this.#options = options;
    this.#addresses = new Set(options.brokers);
  }

  get name(): string {
    return `Kafka topic ${this.#options.topic}`;
  }

  /** The view of the present generation; opened if there is none. */
  async view(): Promise<ClusterView> {
    return (await this.#generation()).view;
  }

  /** A view asked now, from any broker that answers. */
  async freshView(): Promise<ClusterView> {
    this.distrust();
    return this.view();
  }

  /** The leader of a partition; fails while it has none. */
  async leaderOf(partition: number): Promise<Destination> {
    const { partitions } = await this.view();
    const node = partitions[partition]?.leader ?? -1;
    if (node >= 0) return { node, partitions: [partition] };
    this.distrust();
    throw errorOf(protocolError.leaderNotAvailable, `partition ${partition}`);
  }

  /** Some broker, for requests that any of them takes. */
  async anyNode(): Promise<Destination> {
    const [node] = (await this.view()).addresses.keys();
    if (node === undefined) throw errorOf(protocolError.leaderNotAvailable, "there are no brokers");
    return { node, partitions: [] };
  }

  /** Runs one request. When it fails, this generation of connections is distrusted. */
  async use<Answer>(
    destination: Destination,
    request: (wire: Wire) => Promise<Answer>,
  ): Promise<Answer> {
    const generation = await this.#generation();
    generation.requests++;
    const watch = this.#watch(generation, destination);
    try {
      const answer = this.#wire(generation, destination.node).then(request);
      return await Promise.race([answer, watch.moved]);
    } catch (error) {
      this.#discard(generation);
      throw error;
    } finally {
      watch.end();
      generation.requests--;
      closeIfUnused(generation);
    }
  }

  async #wire(generation: Generation, node: number): Promise<Wire> {
    const address = generation.view.addresses.get(node);
    if (address === undefined) {
      throw errorOf(protocolError.leaderNotAvailable, `node ${node} is not known`);
    }
    let opening = generation.opening.get(address);
    if (opening === undefined) {
      opening = openWire(address, this.#options.wire).then((wire) => {
        generation.wires.push(wire);
        // It took so long to open that nobody waits for it any more.
        closeIfUnused(generation);
        return wire;
      });
      generation.opening.set(address, opening);
    }
    return opening;
  }

  /** What is open now is not believed any more. */
  distrust(): void {
    if (this.#current !== undefined) this.#discard(this.#current);
  }

  #discard(generation: Generation): void {
    generation.isDistrusted = true;
    if (this.#current === generation) this.#current = undefined;
    closeIfUnused(generation);
  }

  async #generation(): Promise<Generation> {
    if (this.#isClosed) throw closed(this.name);
    const current = this.#current;
    if (current?.wires.every((wire) => wire.isIntact)) return current;
    this.distrust();
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Generation> {
    const { clock, wire: wireOptions } = this.#options;
    const waitMs = this.#openedMs + openPauseMs - clock.monotonicMs();
    if (waitMs > 0) await new Promise<void>((resolve) => clock.setTimer(waitMs, resolve));
    this.#openedMs = clock.monotonicMs();
    const { wire, view } = await this.#race([...this.#addresses]);
    for (const address of view.addresses.values()) this.#addresses.add(address);
    wireOptions.logger.debug("kafka: connected", { journal: this.name, broker: wire.address });
    const opening = new Map([[wire.address, Promise.resolve(wire)]]);
    const generation = { view, opening, wires: [wire], requests: 0, isDistrusted: false };
    if (this.#isClosed) this.#discard(generation);
    else this.#current = generation;
    return generation;
  }

  /** The first broker that answers; the connections to the others are ended. */
  async #race(addresses: readonly string[]): Promise<{ wire: Wire; view: ClusterView }> {
    const { topic, wire: wireOptions } = this.#options;
    let isDecided = false;
    const attempts = addresses.map(async (address) => {
      const wire = await openWire(address, wireOptions);
      try {
        const view = await viewOf(wire, topic);
        if (isDecided) throw new Error("another broker was faster");
        isDecided = true;
        return { wire, view };
      } catch (error) {
        wire.close();
        throw error;
      }
    });
    try {
      return await Promise.any(attempts);
    } catch (error) {
      const reasons = new Set(error instanceof AggregateError ? error.errors.map(reasonOf) : []);
      const reason = `none of ${addresses.join(", ")} answers (${[...reasons].join("; ")})`;
      const details = { journal: this.name, operation: "connect", reason };
      throw new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: error });
    }
  }

  /** C3. `moved` rejects when another broker leads; it never resolves. */
  #watch(
    { view }: Generation,
    { node, partitions }: Destination,
  ): { readonly moved: Promise<never>; end(): void } {
    const { clock, wire: wireOptions } = this.#options;
    const others = [...view.addresses].flatMap(([id, address]) => (id === node ? [] : [address]));
    let giveUp: (error: Error) => void = () => {};
    const moved = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    if (others.length === 0 || partitions.length === 0) return { moved, end: () => {} };
    let hasEnded = false;
    const look = async (): Promise<void> => {
      try {
        const asked = await this.#race(others);
        asked.wire.close();
        if (partitions.some((partition) => isLedByAnother(asked.view, partition, node))) {
          giveUp(errorOf(protocolError.leaderNotAvailable, `node ${node} leads no longer`));
        }
      } catch (error) {
        // Nobody else answers either: the request's own time-out has to do.
        wireOptions.logger.debug("kafka: asked in vain who leads", { error });
      }
      if (!hasEnded) timer = clock.setTimer(suspectMs, () => void look());
    };
    let timer = clock.setTimer(suspectMs, () => void look());
    const end = (): void => {
      hasEnded = true;
      timer.cancel();
    };
    return { moved, end };
  }

  close(): void {
    this.#isClosed = true;
    this.distrust();
  }
}

function closeIfUnused(generation: Generation): void {
  if (!generation.isDistrusted || generation.requests > 0) return;
  for (const wire of generation.wires.splice(0)) wire.close();
}

function isLedByAnother(view: ClusterView, partition: number, node: number): boolean {
  const leader = view.partitions[partition]?.leader ?? -1;
  return leader >= 0 && leader !== node;
}
