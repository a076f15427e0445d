/** What a system under test is to the benchmark: commands for many actors, each durable before its answer. */
export interface Contender {
  /** Name and version, for a system that is not ours. */
  readonly peer?: string;
  /** One durable command to one of `actors` actors. */
  call(actor: number): Promise<unknown>;
  close(): Promise<void>;
}

export interface StoreAddress {
  readonly kind: "embedded" | "kafka" | "redis";
  /** Embedded: the data folder. */
  readonly dataDir?: string;
  readonly brokers?: readonly string[];
  readonly replicationFactor?: number;
  readonly redisUrl?: string;
}

export interface ContenderOptions {
  readonly contender: "troupe" | "nact" | "record-per-event" | "bullmq";
  readonly store: StoreAddress;
  readonly shards: number;
  readonly actors: number;
}

/** What every command stores: an event of about 200 bytes in the log. */
export const eventData = { amountCents: 500, memo: "m".repeat(100) };
