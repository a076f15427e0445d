/**
 * The connections of one snapshot store, and whether they may be used. Snapshots have connections
 * of their own: their big values would hold up whatever else went over the same ones.
 *
 *  L1. A server is used only after it has passed the check, anew after each connect.
 *  L2. While no server is usable a call fails at once; nothing waits in a queue for a connection.
 *  L3. Every call settles within its time, also when the server is frozen; the connection that
 *      said nothing for so long is then given up, with all that waited on it.
 */
import { Cluster, type ClusterNode, Redis, type RedisOptions } from "ioredis";
import { type Clock, type Logger, reasonOf, TroupeError } from "../../../kernel/index.ts";
import { notACluster, type ServerProblem, serverProblem } from "./server-check.ts";
import type { Script } from "./snapshot-scripts.ts";

/** How long a server that was found unfit, or gave no facts, is left alone. */
const RECHECK_AFTER_MS = 1_000;

export type Argument = string | number | Buffer;

/** Sends commands as long as the call's time is not over. */
export interface RedisCall {
  send(command: string, args: readonly Argument[]): Promise<unknown>;
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown>;
}

export interface RedisLinkOptions {
  readonly nodes: readonly ClusterNode[];
  readonly asCluster: boolean;
  readonly redis: RedisOptions;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

type LinkState =
  | { readonly is: "down"; readonly reason: string }
  | { readonly is: "unfit"; readonly error: TroupeError<"TROUPE_SNAPSHOT_STORE_UNUSABLE"> }
  | { readonly is: "usable" }
  | { readonly is: "closed" };

export class RedisLink {
  /** For messages: without user and password. */
  readonly name: string;
  readonly #client: Redis | Cluster;
  readonly #options: RedisLinkOptions;
  #state: LinkState = { is: "down", reason: "not connected yet" };
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #whenJudged: () => void = () => {};

  constructor(options: RedisLinkOptions) {
    const { nodes, asCluster } = options;
    this.#options = options;
    this.name = nodes.map((node) => addressOf(node)).join(",");
    this.#client = asCluster ? clusterOf(options) : new Redis(options.redis);
    this.#client.on("ready", () => void this.#check());
    this.#client.on("error", (error: unknown) => this.#failed(connectReasonOf(error)));
    this.#client.on("close", () => this.#lost("the connection was closed"));
  }

  /** Resolves when the server is usable; rejects when it is unfit, or gave no answer in time. */
  async opened(): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(timeoutMs, resolve);
      this.#whenJudged = () => {
        timer.cancel();
        resolve();
      };
      if (this.#isJudged()) this.#whenJudged();
    });
    if (this.#state.is !== "usable") throw this.#refusal("open");
  }

  /** Does `work` within the link's time, or rejects with what the matter was. */
  async call<T>(operation: string, work: (call: RedisCall) => Promise<T>): Promise<T> {
    if (this.#state.is !== "usable") {
      this.#recheck();
      throw this.#refusal(operation);
    }
    const { clock, timeoutMs } = this.#options;
    let isOver = false;
    const send = async (command: string, args: readonly Argument[]): Promise<unknown> => {
      if (isOver) throw new Error("the call's time was over");
      return await this.#client.callBuffer(command, [...args]);
    };
    const late = deferred();
    const timer = clock.setTimer(timeoutMs, () => {
      late.reject(new Error(`no answer within ${timeoutMs} ms`));
    });
    try {
      return await Promise.race([work(callOver(send)), late.promise]);
    } catch (error) {
      throw this.#unavailable(operation, reasonOf(error), error);
    } finally {
      isOver = true;
      timer.cancel();
    }
  }

  close(): void {
    this.#state = { is: "closed" };
    this.#client.disconnect();
  }

  #isJudged(): boolean {
    return this.#state.is !== "down";
  }

  #refusal(operation: string): Error {
    const state = this.#state;
    if (state.is === "unfit") return state.error;
    const reason = state.is === "down" ? state.reason : "it was closed";
    return this.#unavailable(operation, reason);
  }

  #unavailable(operation: string, reason: string, cause?: unknown): Error {
    const details = { store: this.name, operation, reason };
    return new TroupeError("TROUPE_SNAPSHOT_STORE_UNAVAILABLE", details, { cause });
  }

  /** A server that is none of a cluster never gets so far that it could be asked for facts. */
  #failed(reason: string): void {
    if (this.#state.is !== "closed" && /cluster support disabled/i.test(reason)) {
      this.#unfit(notACluster("a server that is no part of one"));
      this.#whenJudged();
    } else this.#lost(reason);
  }

  #unfit(problem: ServerProblem): void {
    const details = { store: this.name, ...problem };
    const error = new TroupeError("TROUPE_SNAPSHOT_STORE_UNUSABLE", details);
    // Said once, not with each attempt to connect.
    if (this.#state.is !== "unfit") this.#options.logger.error(error.message);
    this.#state = { is: "unfit", error };
  }

  #lost(reason: string): void {
    const { is } = this.#state;
    if (is === "closed") return;
    if (is === "usable") {
      this.#options.logger.warn(`snapshots in ${this.name} cannot be reached: ${reason}`);
    }
    // The close that follows an error knows less than the error did.
    if (is !== "usable" && reason === "the connection was closed") return;
    this.#state = { is: "down", reason };
  }

  /** A server that was mended while it ran is found by the calls that it would serve. */
  #recheck(): void {
    const sinceMs = this.#options.clock.monotonicMs() - this.#checkedAtMs;
    if (this.#client.status === "ready" && sinceMs >= RECHECK_AFTER_MS) void this.#check();
  }

  async #check(): Promise<void> {
    const { asCluster, logger, clock } = this.#options;
    this.#checkedAtMs = clock.monotonicMs();
    try {
      const problem = (await this.#facts())
        .map((info) => serverProblem(info, { asCluster }))
        .find((found) => found !== undefined);
      if (this.#state.is === "closed") return;
      if (problem === undefined) {
        this.#state = { is: "usable" };
        logger.info(`snapshots are kept in ${this.name}`);
      } else {
        this.#unfit(problem);
      }
      this.#whenJudged();
    } catch (error) {
      this.#lost(`its INFO could not be read: ${reasonOf(error)}`);
    }
  }

  /** Of all primaries that answer: a cluster serves on while one of them is away. */
  async #facts(): Promise<readonly string[]> {
    const client = this.#client;
    if (client instanceof Redis) return [await client.info()];
    const answers = await Promise.allSettled(client.nodes("master").map((node) => node.info()));
    const facts = answers.flatMap((answer) =>
      answer.status === "fulfilled" ? [answer.value] : [],
    );
    if (facts.length === 0) throw new Error("no primary of the cluster answered");
    return facts;
  }
}

function clusterOf({ nodes, redis, timeoutMs }: RedisLinkOptions): Cluster {
  const { host: _host, port: _port, ...redisOptions } = redis;
  return new Cluster([...nodes], {
    redisOptions,
    enableOfflineQueue: false,
    slotsRefreshTimeout: timeoutMs,
    maxRedirections: 4,
  });
}

/** Scripts go by their hash; the text follows where a server does not know it, as after its restart. */
function callOver(send: RedisCall["send"]): RedisCall {
  return {
    send,
    async run({ text, sha1 }, keys, args) {
      try {
        return await send("evalsha", [sha1, keys.length, ...keys, ...args]);
      } catch (error) {
        if (!reasonOf(error).includes("NOSCRIPT")) throw error;
        return await send("eval", [text, keys.length, ...keys, ...args]);
      }
    },
  };
}

function deferred(): { readonly promise: Promise<never>; reject(error: Error): void } {
  let rejectIt: (error: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, reject) => {
    rejectIt = reject;
  });
  return { promise, reject: (error) => rejectIt(error) };
}

function addressOf(node: ClusterNode): string {
  return typeof node === "object" ? `redis ${node.host}:${node.port}` : String(node);
}

/** A cluster's error names only itself; why its nodes failed is in another place. */
function connectReasonOf(error: unknown): string {
  const last: unknown =
    error instanceof Error && "lastNodeError" in error ? error.lastNodeError : undefined;
  const reason = reasonOf(error);
  return last === undefined ? reason : `${reason} (${reasonOf(last)})`;
}
