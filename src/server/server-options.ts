import type { Registry } from "prom-client";
import type { S3BlobStoreOptions } from "../actors/blobs/index.ts";
import type { Clock, Logger, Random } from "../actors/kernel/index.ts";
import type { LogRetention } from "../actors/logs/index.ts";
import type { KafkaOptions, RedisOptions } from "../actors/persistence/index.ts";
import type { SecretSource } from "../actors/pipelines/index.ts";
import type { Provider } from "../providers/provider.ts";
import type { FileRetention } from "./file-sweep.ts";

export interface ServerOptions {
  /**
   * Journal, logs and the server's own files; made when it does not exist. One server per folder. A folder
   * belongs to the journal that it was first used with.
   */
  readonly dataDir: string;
  /**
   * The journal is on this Kafka topic instead of in `dataDir`. One server per topic: of two the later one
   * takes it over.
   */
  readonly kafka?: KafkaOptions;
  /** Actors' states are kept in Redis beside the journal. */
  readonly redis?: RedisOptions;
  /**
   * Where agents dial: `host:port`. Default `127.0.0.1:0`: the port of the last server on this folder if it
   * is free, so that agents find back, else any that is. Off loopback the port speaks TLS and nothing else.
   */
  readonly listen?: string;
  /** What agents call this server: `name` or `name:port`. Default: the address, or this machine's name for 0.0.0.0. */
  readonly advertise?: string;
  /** TLS also on loopback. Default: only where other machines can reach the port, and always there. */
  readonly tls?: boolean;
  /** How long an agent's certificate lives, in ms; it is renewed at two thirds. Default `limits.certificateTtlMs`. */
  readonly certificateTtlMs?: number;
  /** Encrypts the keys of the built-in certificate authority. Default: a random secret in `authority.key` of the data folder. */
  readonly authorityPassphrase?: string;
  /** Where secrets' values come from. Default: none, so that a job that asks for one fails with its name. */
  readonly secretSource?: SecretSource;
  /** Starts agents on demand. Default: none; agents come by themselves, with a token. */
  readonly provider?: Provider;
  /** Agents of the provider at once, 1 or more. Default 1. */
  readonly agentsMax?: number;
  /** Agents of the provider that are kept up when nothing waits. Default 0. */
  readonly agentsMin?: number;
  /** Jobs at once on each of the provider's agents. Default: the machine's processors, at most 4. */
  readonly slotsPerAgent?: number;
  /** How long an agent of the provider may be idle, in ms. Default `limits.agentIdleTimeoutMs`. */
  readonly idleTimeoutMs?: number;
  /** How long an agent of the provider may take to connect, in ms. Default `limits.agentStartTimeoutMs`. */
  readonly startTimeoutMs?: number;
  /**
   * How long an agent may be silent, in ms: one that cannot renew kills its jobs by then, and they
   * are queued again `leaseGraceMs` later. Default `limits.leaseMs`.
   */
  readonly leaseMs?: number;
  /** How long after `leaseMs` a silent agent is given up, in ms. Default `limits.leaseGraceMs`. */
  readonly leaseGraceMs?: number;
  /**
   * Where files of jobs and ended logs are kept: a bucket of a server that speaks S3. Default: in `dataDir`.
   * Logs under way are in `dataDir` either way.
   */
  readonly s3?: S3BlobStoreOptions;
  /** What all caches of jobs together may take, in bytes; the longest unused go first. Default `limits.cachesBytesMax`. */
  readonly cachesBytesMax?: number;
  /** How long a cache is kept that no job asks for, in ms. Default `limits.cacheUnusedMs`. */
  readonly cacheUnusedMs?: number;
  /** Which finished logs are kept, by age, number and size. Default: all of them. */
  readonly logRetention?: LogRetention;
  /**
   * How long artifacts, workspaces and summaries are kept after they were stored. Default: for ever. What a run that has
   * not ended holds is kept either way, and so are its logs.
   */
  readonly fileRetention?: FileRetention;
  /** Where the server adds its figures: those of its agents, and the kernel's. Default: nothing is counted. */
  readonly metrics?: Registry;
  /** For people. Default `troupe`. */
  readonly name?: string;
  /** Default: silent. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface StopServerOptions {
  /**
   * What becomes of the provider's agents. `destroy` (default): they end, and what they run is queued
   * again by the next server. `keep`: they go on, and come back to the next server on the same port.
   */
  readonly agents?: "destroy" | "keep";
}

/** A server that runs. */
export interface TroupeServer extends AsyncDisposable {
  /** The real path of the data folder. */
  readonly dataDir: string;
  /** `host:port` that agents dial. */
  readonly agentAddress: string;
  /** The gRPC target of the control service. */
  readonly controlAddress: string;
  /** Ends streams, lets what is under way be written, closes the journal. May be called again. */
  stop(options?: StopServerOptions): Promise<void>;
}
