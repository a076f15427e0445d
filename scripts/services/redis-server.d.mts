export const REDIS_SETTINGS: readonly string[];

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Brings a killed server back, with its data; resolves when it answers. */
  start(): Promise<void>;
  /** As a crash ends it: SIGKILL. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export interface RedisClusterServers {
  readonly servers: readonly RedisServer[];
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** `args` are added to the command line; a later setting wins. */
export function startRedis(options?: { readonly args?: readonly string[] }): Promise<RedisServer>;

export function startRedisCluster(): Promise<RedisClusterServers>;
