/**
 * The way to the brokers. Opened by racing one connection to each known broker, so that a dead or
 * frozen one costs nothing; thrown away whole after anything went wrong, because a connection
 * that once failed to answer proves nothing by being open.
 *
 * C1. A generation of connections is used until it is distrusted, or one of its wires breaks; the
 *     next request then opens a new one.
 * C2. Requests under way on distrusted wires may still be answered; their wires are closed when
 *     the last of them has settled.
 * C3. A request whose leader was deposed while it waits is given up (`leader-watch.ts`), and the next generation begins
 *     with the broker that said so: another one may not have heard yet.
 * C4. Nothing is sent to a broker that the present view does not name as the leader.
 */
import type { Clock } from "../../../kernel/index.ts";
import { closed } from "../journal-errors.ts";
import type { ClusterView } from "./cluster-view.ts";
import { openWire, type Wire, type WireOptions } from "./kafkajs-wire.ts";
import { type Destination, isLedByAnother, LeaderWatch, leadsNoLonger } from "./leader-watch.ts";
import { Lookout, type Sighting } from "./lookout.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";

export interface ClusterLinkOptions {
  /** host:port of brokers to begin with. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly wire: WireOptions;
  readonly clock: Clock;
}

/** The least time between two openings, so that a cluster that is away is not dialled in a loop. */
const openPauseMs = 100;

/** One generation of connections. */
interface Generation {
  readonly view: ClusterView;
  readonly watch: LeaderWatch<Sighting>;
  readonly lookout: Lookout;
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

  /** Some broker, for requests that any of them takes: one that has answered, where the view names it alike. */
  async anyNode(): Promise<Destination> {
    const { view, wires } = await this.#generation();
    const nodes = [...view.addresses];
    const answers = nodes.find(([, address]) => wires.some((wire) => wire.address === address));
    const [node] = answers ?? nodes[0] ?? [];
    if (node === undefined) throw errorOf(protocolError.leaderNotAvailable, "there are no brokers");
    return { node, partitions: [] };
  }

  /** Runs one request. When it fails, this generation of connections is distrusted. */
  async use<Answer>(
    destination: Destination,
    request: (wire: Wire) => Promise<Answer>,
  ): Promise<Answer> {
    const generation = await this.#generation();
    // Decided by an older view, and nothing was sent: the present one is as good as before.
    if (isLedByAnother(generation.view, destination)) throw leadsNoLonger(destination);
    generation.requests++;
    try {
      const answer = this.#wire(generation, destination.node).then(request);
      return await this.#watched(generation, destination, answer);
    } catch (error) {
      this.#discard(generation);
      throw error;
    } finally {
      generation.requests--;
      closeIfUnused(generation);
    }
  }

  #watched<Answer>(
    { view, watch }: Generation,
    destination: Destination,
    answer: Promise<Answer>,
  ): Promise<Answer> {
    const mayMove = destination.partitions.some(
      (partition) => (view.partitions[partition]?.replicas.length ?? 0) > 1,
    );
    if (!mayMove) return answer;
    return new Promise((resolve, reject) => {
      const watched = watch.begin(destination, reject);
      answer.then(resolve, reject).finally(() => watched.end());
    });
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
    generation.lookout.close();
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
    const { clock } = this.#options;
    const waitMs = this.#openedMs + openPauseMs - clock.monotonicMs();
    if (waitMs > 0) await new Promise<void>((resolve) => clock.setTimer(waitMs, resolve));
    this.#openedMs = clock.monotonicMs();
    const lookout = this.#lookout();
    try {
      const sighting = await lookout.ask([...this.#addresses]);
      lookout.take(sighting.wire);
      return this.#begin(sighting);
    } finally {
      lookout.close();
    }
  }

  /** A new generation, of which so far one broker is known to answer. */
  #begin({ view, wire }: Sighting): Generation {
    for (const address of view.addresses.values()) this.#addresses.add(address);
    const { logger } = this.#options.wire;
    logger.debug("kafka: connected", { journal: this.name, broker: wire.address });
    const opening = new Map([[wire.address, Promise.resolve(wire)]]);
    const lookout = this.#lookout();
    const generation: Generation = {
      view,
      lookout,
      opening,
      wires: [wire],
      requests: 0,
      isDistrusted: false,
      watch: new LeaderWatch({
        clock: this.#options.clock,
        viewWithout: (node) => lookout.ask(this.#addressesBut(view.addresses.get(node))),
        deposed: (sighting) => this.#follow(generation, sighting),
        failed: (error) => logger.debug("kafka: asked in vain who leads", { error }),
      }),
    };
    if (this.#isClosed) this.#discard(generation);
    else this.#current = generation;
    return generation;
  }

  #follow(generation: Generation, sighting: Sighting): void {
    if (this.#current !== generation) return;
    generation.lookout.take(sighting.wire);
    this.#discard(generation);
    this.#begin(sighting);
  }

  /** Also of brokers that the cluster has just lost, as the view does not: they come back. */
  #addressesBut(unwanted: string | undefined): readonly string[] {
    return [...this.#addresses].filter((address) => address !== unwanted);
  }

  #lookout(): Lookout {
    const { topic, wire } = this.#options;
    return new Lookout({ name: this.name, topic, wire });
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
