export interface KafkaNode {
  readonly id: number;
  /** host:port */
  readonly address: string;
  /** Brings a killed broker back, with its data. */
  start(): void;
  isRunning(): boolean;
  /** As a crash ends it: SIGKILL. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export interface KafkaCluster {
  /** The brokers' addresses, with commas between them. */
  readonly address: string;
  readonly nodes: readonly KafkaNode[];
  /** Resolves when all brokers answer as one cluster. */
  ready(): Promise<void>;
  stop(): Promise<void>;
  /** Of clusters that were asked for it: the listeners with TLS and passwords. */
  readonly secure?: KafkaAccess;
}

export interface KafkaAccess {
  readonly address: string;
  /** The file with the certificate to trust. */
  readonly ca: string;
  readonly username: string;
  readonly password: string;
}

export function startKafka(options: {
  readonly nodes: 1 | 3;
  readonly secure?: boolean;
}): Promise<KafkaCluster>;

export function dockerSettings(port: number): Readonly<Record<string, string | number | boolean>>;
