import type { ConnectionOptions } from "node:tls";
import type { RedisOptions as ConnectionSettings } from "ioredis";
import {
  type Clock,
  isTroupeError,
  type Logger,
  limits,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
  TroupeError,
} from "../../../kernel/index.ts";
import type { SnapshotStore } from "../../snapshot-store.ts";
import { RedisSnapshotStore } from "./redis-snapshot-store.ts";

export interface RedisSettings {
  /** Snapshots of one entity that are kept. Default 2, at least 2. */
  readonly keep?: number;
  /** What all keys begin with; systems that share a server need no different ones. Default `troupe`. */
  readonly keyPrefix?: string;
  /** Options of `tls.connect`, such as `ca`; the scheme `rediss:` alone turns TLS on. */
  readonly tls?: ConnectionOptions;
  /**
   * Time for one load, save or delete, in ms; a recovery never waits longer for its snapshot.
   * Also the time for a server to answer at the open. Default 2,000.
   */
  readonly timeoutMs?: number;
  /**
   * Open only when a server answers. Default false: the store is opened without one, says so in the
   * log, and finds it later; until then entities recover from the log. A server that answers and is
   * unfit is refused in either case.
   */
  readonly mustAnswer?: boolean;
}

/** Either one server, or some nodes of a Redis Cluster: the others are found through them. */
export type RedisOptions = RedisSettings &
  (
    | {
        /** `redis://user:password@host:6379/0`, or `rediss:` with TLS. */
        readonly url: string;
        readonly urls?: never;
      }
    | { readonly urls: readonly string[]; readonly url?: never }
  );

export type RedisSnapshotStoreOptions = RedisOptions & {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
};

/**
 * Opens a snapshot store in Redis. Fails with `TROUPE_SNAPSHOT_STORE_UNUSABLE` when the server is
 * too old, a replica, evicts keys, or is a cluster where one server was named, and the reverse;
 * with `TROUPE_SNAPSHOT_STORE_UNAVAILABLE` when it must answer, and did not within `timeoutMs`.
 */
export async function openRedisSnapshotStore(
  options: RedisSnapshotStoreOptions,
): Promise<SnapshotStore> {
  const { keyPrefix = "troupe", keep = 2, timeoutMs = 2_000, mustAnswer = false } = options;
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  if (/[{}]/.test(keyPrefix)) throw invalid("keyPrefix", "without braces", keyPrefix);
  if (!(timeoutMs > 0)) throw invalid("timeoutMs", "more than 0", String(timeoutMs));
  const addresses = (options.urls ?? [options.url]).map((url) => addressOf(url));
  const [first] = addresses;
  if (first === undefined) throw invalid("urls", "a list with at least one address", "empty");
  const asCluster = options.urls !== undefined;
  const redis = { ...first, ...connectionOptions(timeoutMs, options.tls) };
  const nodes = addresses.map(({ host, port }) => ({ host, port }));
  // Loaded on first use: who has no Redis does not pay for its client.
  const { RedisLink } = await import("./redis-link.ts");
  const link = new RedisLink({ nodes, asCluster, redis, timeoutMs, clock, logger });
  try {
    await link.opened();
  } catch (error) {
    if (mustAnswer || !isTroupeError(error, "TROUPE_SNAPSHOT_STORE_UNAVAILABLE")) {
      link.close();
      throw error;
    }
    logger.warn(`starting without snapshots: ${error.message}`);
  }
  const chunkBytes = limits.redisSnapshotChunkBytes;
  const parts = { link, random, keyPrefix, keep: Math.max(2, keep), chunkBytes };
  // Twice the time of the call that uploads: the body outlives its own upload, and not by much.
  return new RedisSnapshotStore({ ...parts, uploadTtlMs: 2 * timeoutMs });
}

function connectionOptions(
  timeoutMs: number,
  tls: ConnectionOptions | undefined,
): ConnectionSettings {
  return {
    connectTimeout: timeoutMs,
    // A connection that owes answers and gives none is given up, with all that waits on it.
    socketTimeout: timeoutMs,
    disconnectTimeout: Math.min(timeoutMs, 500),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(2_000, 25 * 2 ** Math.min(times, 10)),
    // A name that now stands for another primary: only a new connection finds it.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    ...(tls !== undefined && { tls }),
  };
}

interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
  readonly tls?: ConnectionOptions;
}

function addressOf(url: string): RedisAddress {
  const expected = "redis://host:port or rediss://host:port";
  if (!URL.canParse(url)) throw invalid("url", expected, "no URL");
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  if (protocol !== "redis:" && protocol !== "rediss:") {
    throw invalid("url", expected, `a URL with ${protocol}`);
  }
  const db = Number(pathname.slice(1));
  if (!Number.isInteger(db)) throw invalid("url", "redis://host:port/<number>", pathname);
  return {
    // Brackets belong to the URL, not to the IPv6 address.
    host: hostname.replace(/^\[|\]$/g, "") || "127.0.0.1",
    port: port === "" ? 6379 : Number(port),
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    ...(db !== 0 && { db }),
    ...(protocol === "rediss:" && { tls: {} }),
  };
}

function invalid(option: string, expected: string, got: string): Error {
  return new TroupeError("TROUPE_OPTION_INVALID", { option, expected, got });
}
