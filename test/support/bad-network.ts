/**
 * A TCP proxy in front of a server that treats connections as bad networks do: the first connection that
 * has carried what the next fault of a list asks for meets it; after the last one all are good.
 *
 *   cut        both sides are reset, whatever is on its way
 *   half       as cut, but the first half of what came last still arrives
 *   half-open  nothing passes any more, and nobody is told
 *   late       the client is reset at once; what it has sent last reaches the server only after the
 *              next connection has been served: an older connection that speaks after a newer one
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface Fault {
  readonly kind: "cut" | "half" | "half-open" | "late";
  /** It comes with the first bytes from the client after so many, and not before so long. */
  readonly afterBytes: number;
  readonly afterMs?: number;
}

export interface BadNetworkOptions {
  /** `host:port` of the server. */
  readonly target: string;
  /** In this order, each to a connection of its own. One that carries too little meets none. */
  readonly faults?: readonly Fault[];
  /** From client to server, on each connection while there are faults to come. Default as fast as it goes. */
  readonly bytesPerSecond?: number;
  /** Told how many have happened. */
  readonly onFault?: (count: number) => void;
  /** Each piece to the server arrives so much later. Default 0. */
  readonly delayMs?: number;
}

/** What a client sends right after its connection was cut off still belongs to the late bytes. */
const lateMs = 50;
/** How long the server may look at late bytes before their connection is gone, if it says nothing. */
const lateEndMs = 500;
/** A connection that has carried so much is being served. */
const servedBytes = 400;

export class BadNetwork {
  readonly #options: BadNetworkOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  /** Connections that speak once a newer one is served. */
  readonly #late = new Set<Connection>();
  readonly #toCome: Fault[];
  #happened = 0;
  #frozen = false;

  private constructor(options: BadNetworkOptions) {
    this.#options = options;
    this.#toCome = [...(options.faults ?? [])];
    this.#server = createServer((client) => this.#open(client));
  }

  static async start(options: BadNetworkOptions): Promise<BadNetwork> {
    const network = new BadNetwork(options);
    await new Promise<void>((resolve) => network.#server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  /** What clients dial instead of the server. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Faults that have happened. */
  get faults(): number {
    return this.#happened;
  }

  /** Resets all present connections. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.reset();
  }

  /** Until `heal`, nothing passes and nobody is told: old connections stay open, new ones are accepted. */
  freeze(): void {
    this.#frozen = true;
    for (const connection of this.#connections) connection.freeze();
  }

  /** What was frozen is gone; new connections are good ones. */
  heal(): void {
    this.#frozen = false;
    this.cut();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #open(client: Socket): void {
    const connection = new Connection(client, this.#options, {
      toCome: () => this.#toCome[0],
      failed: () => {
        this.#toCome.shift();
        this.#happened++;
        this.#options.onFault?.(this.#happened);
        if (connection.isLate) this.#late.add(connection);
      },
      served: () => {
        for (const late of this.#late) if (late !== connection) late.speak();
        this.#late.clear();
      },
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    if (this.#frozen) connection.freeze();
  }
}

interface ConnectionEvents {
  /** What the next connection that has carried enough will meet. */
  readonly toCome: () => Fault | undefined;
  readonly failed: () => void;
  readonly served: () => void;
  readonly closed: () => void;
}

class Connection {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #options: BadNetworkOptions;
  readonly #events: ConnectionEvents;
  readonly #openedAtMs = Date.now();
  readonly #held: Buffer[] = [];
  #fault: Fault["kind"] | undefined;
  #bytes = 0;

  constructor(client: Socket, options: BadNetworkOptions, events: ConnectionEvents) {
    const [host, port] = options.target.split(":");
    this.#client = client;
    this.#options = options;
    this.#events = events;
    this.#target = connect(Number(port), host);
    client.setNoDelay(true);
    this.#target.setNoDelay(true);
    client.on("data", (bytes) => this.#fromClient(bytes));
    this.#target.on("data", (bytes) => this.#fromTarget(bytes));
    client.on("error", () => client.destroy());
    this.#target.on("error", () => this.#target.destroy());
    client.on("close", () => {
      if (this.#fault !== "late") this.reset();
    });
    this.#target.on("close", () => this.reset());
  }

  get isLate(): boolean {
    return this.#fault === "late";
  }

  reset(): void {
    for (const socket of [this.#client, this.#target]) {
      if (!socket.destroyed) socket.resetAndDestroy();
    }
    this.#events.closed();
  }

  freeze(): void {
    this.#fault ??= "half-open";
  }

  /** The late bytes arrive; what the server answers meets a client that is gone. */
  speak(): void {
    if (this.#target.destroyed) return;
    this.#target.write(Buffer.concat(this.#held));
    const end = setTimeout(() => this.reset(), lateEndMs);
    this.#target.once("data", () => {
      clearTimeout(end);
      this.reset();
    });
  }

  #fromClient(bytes: Buffer): void {
    if (this.#fault === "late") this.#held.push(bytes);
    if (this.#fault !== undefined) return;
    const fault = this.#events.toCome();
    const due = fault !== undefined && this.#bytes >= fault.afterBytes;
    if (due && Date.now() - this.#openedAtMs >= (fault.afterMs ?? 0)) {
      this.#fail(fault.kind, bytes);
      return;
    }
    const before = this.#bytes;
    this.#bytes += bytes.length;
    this.#forward(bytes);
    if (before < servedBytes && this.#bytes >= servedBytes) this.#events.served();
  }

  #forward(bytes: Buffer): void {
    const { bytesPerSecond, delayMs = 0 } = this.#options;
    const write = (): void => {
      if (this.#target.writable) this.#target.write(bytes);
    };
    if (delayMs === 0) write();
    else setTimeout(write, delayMs);
    if (bytesPerSecond === undefined || this.#events.toCome() === undefined) return;
    this.#client.pause();
    setTimeout(() => this.#client.resume(), (bytes.length / bytesPerSecond) * 1_000);
  }

  #fail(kind: Fault["kind"], bytes: Buffer): void {
    this.#fault = kind;
    this.#events.failed();
    if (kind === "half") {
      this.#target.write(bytes.subarray(0, bytes.length >> 1), () => this.reset());
    } else if (kind === "cut") {
      this.reset();
    } else if (kind === "late") {
      this.#held.push(bytes);
      setTimeout(() => this.#client.resetAndDestroy(), lateMs);
    }
  }

  #fromTarget(bytes: Buffer): void {
    if (this.#fault === undefined && this.#client.writable) this.#client.write(bytes);
  }
}
