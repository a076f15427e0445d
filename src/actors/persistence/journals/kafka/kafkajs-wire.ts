/**
 * The one file that knows the inside of kafkajs (pinned at exactly 2.2.4, which is why). It takes
 * from it the connections (TLS, SASL, framing) and the encoding of requests, and nothing that
 * retries, batches or decides: its own clients repeat a request after a time-out, throw away the
 * answers of all partitions when one has an error, and stay with a leader that does not answer.
 */
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import net from "node:net";
import type { ConnectionOptions } from "node:tls";
import tls from "node:tls";
import type { Logger } from "../../../kernel/index.ts";
import type { SaslOptions } from "./kafka-options.ts";

export interface WireOptions {
  readonly clientId: string;
  /** Options of `tls.connect`; absent = no TLS. */
  readonly tls?: ConnectionOptions;
  readonly sasl?: SaslOptions;
  readonly connectTimeoutMs: number;
  /** For every request that does not name its own. */
  readonly requestTimeoutMs: number;
  readonly logger: Logger;
}

interface Request {
  readonly apiName: string;
}
interface Response {
  decode(payload: Buffer): Promise<unknown>;
}
type Encode = (payload: object) => { readonly request: Request; readonly response: Response };

interface Connection {
  readonly socket?: Socket;
  readonly requestQueue: {
    readonly pending: readonly unknown[];
    throttledUntil: number;
    scheduleCheckPendingRequests(): void;
  };
  isConnected(): boolean;
}

interface ConnectionPool {
  readonly pool: readonly Connection[];
  getConnection(index: number): Promise<Connection>;
  send(message: {
    request: Request;
    response: Response & { parse(data: unknown): Promise<unknown> };
    requestTimeout: number;
    logResponseError: boolean;
  }): Promise<unknown>;
}

interface Broker {
  connect(): Promise<void>;
  lookupRequest(apiKey: number, definition: unknown): Encode;
}

interface Kafkajs {
  readonly Broker: new (options: object) => Broker;
  readonly ConnectionPool: new (options: object) => ConnectionPool;
  readonly createLogger: (options: object) => unknown;
  readonly requests: Readonly<Record<string, unknown>>;
  readonly apiKeys: Readonly<Record<string, number>>;
}

let loaded: Kafkajs | undefined;

/** Loaded on first use: who has no Kafka does not pay for it. */
function kafkajs(): Kafkajs {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url);
    loaded = {
      Broker: require("kafkajs/src/broker/index.js"),
      ConnectionPool: require("kafkajs/src/network/connectionPool.js"),
      createLogger: require("kafkajs/src/loggers/index.js").createLogger,
      requests: require("kafkajs/src/protocol/requests/index.js").requests,
      apiKeys: require("kafkajs/src/protocol/requests/apiKeys.js"),
    };
  }
  return loaded;
}

export type ApiName =
  | "CreateTopics"
  | "DeleteRecords"
  | "DescribeConfigs"
  | "Fetch"
  | "ListOffsets"
  | "Metadata"
  | "Produce";

/** A broker to which this process is connected. */
export interface Wire {
  readonly address: string;
  /** False once a connection has broken: this wire is of no use any more. */
  readonly isIntact: boolean;
  /** The decoded answer, errors of partitions and all: what they mean is the caller's matter. */
  request<Answer>(api: ApiName, payload: object, timeoutMs?: number): Promise<Answer>;
  /** As `request`, with a body that the caller has encoded. */
  send<Answer>(api: ApiName, body: Buffer, timeoutMs: number): Promise<Answer>;
  /** Ends the connections now; requests under way fail. */
  close(): void;
}

/** Connects to a broker, up to and with its authentication. */
export async function openWire(address: string, options: WireOptions): Promise<Wire> {
  const { Broker, ConnectionPool } = kafkajs();
  const { host, port } = splitAddress(address);
  const logger = quietLogger(options.logger);
  const connectionPool = new ConnectionPool({
    host,
    port,
    logger,
    clientId: options.clientId,
    ssl: options.tls ?? null,
    sasl: options.sasl ?? null,
    connectionTimeout: options.connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    socketFactory,
  });
  for (const connection of connectionPool.pool) stopIdleTimers(connection);
  const authenticationTimeout = options.requestTimeoutMs;
  const broker = new Broker({ connectionPool, logger, authenticationTimeout });
  const wire = new KafkajsWire(address, broker, connectionPool);
  try {
    await broker.connect();
    // Fetches have a connection of their own. Two requests at once would open it twice.
    await connectionPool.getConnection(1);
  } catch (error) {
    wire.close();
    throw error;
  }
  return wire;
}

class KafkajsWire implements Wire {
  readonly address: string;
  readonly #broker: Broker;
  readonly #pool: ConnectionPool;

  constructor(address: string, broker: Broker, pool: ConnectionPool) {
    this.address = address;
    this.#broker = broker;
    this.#pool = pool;
  }

  get isIntact(): boolean {
    return this.#pool.pool.every((connection) => connection.isConnected());
  }

  request<Answer>(api: ApiName, payload: object, timeoutMs = 0): Promise<Answer> {
    const { request, response } = this.#encoderOf(api)(payload);
    return this.#send<Answer>(request, response, timeoutMs);
  }

  send<Answer>(api: ApiName, body: Buffer, timeoutMs: number): Promise<Answer> {
    const { request, response } = this.#encoderOf(api)({});
    // What kafkajs takes for one of its encoders when it puts the frame together.
    const encoded = { buf: body, buffer: body };
    const withBody = { ...request, encode: () => Promise.resolve(encoded) };
    return this.#send<Answer>(withBody, response, timeoutMs);
  }

  #encoderOf(api: ApiName): Encode {
    const { apiKeys, requests } = kafkajs();
    return this.#broker.lookupRequest(apiKeys[api] ?? -1, requests[api]);
  }

  async #send<Answer>(request: Request, response: Response, requestTimeout: number) {
    const answer = await this.#pool.send({
      request,
      response: {
        decode: (bytes) => response.decode(bytes),
        // kafkajs' own throws the first error and with it all other answers.
        parse: (data) => Promise.resolve(data),
      },
      requestTimeout,
      logResponseError: false,
    });
    return answer as Answer;
  }

  close(): void {
    for (const { socket } of this.#pool.pool) socket?.destroy(new Error("the wire was closed"));
  }
}

/** Small requests in a row must not wait for the acknowledgement of the packets before. */
function socketFactory({ host, port, ssl, onConnect }: SocketOptions): Socket {
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = ssl
    ? tls.connect({ host, port, ...servername, ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return socket;
}

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: ConnectionOptions | null;
  readonly onConnect: () => void;
}

/** kafkajs looks every millisecond for requests that wait, also when none does. */
function stopIdleTimers({ requestQueue }: Connection): void {
  const check = requestQueue.scheduleCheckPendingRequests.bind(requestQueue);
  requestQueue.scheduleCheckPendingRequests = () => {
    if (requestQueue.pending.length > 0 || requestQueue.throttledUntil > 0) check();
  };
}

function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(at + 1)) };
}

/** What kafkajs calls an error is often none, or is told by the answer: kept for the curious. */
function quietLogger(logger: Logger): unknown {
  const logCreator = () => (entry: { namespace: string; log: { message: string } }) => {
    logger.debug(`kafkajs: ${entry.log.message}`, { namespace: entry.namespace });
  };
  return kafkajs().createLogger({ level: 2, logCreator });
}
