/** Where the bank keeps its books, as it is told on its command line. */
export type BankStore =
  | { readonly kind: "embedded"; readonly shards: number; readonly dataDir: string }
  | {
      readonly kind: "kafka";
      readonly shards: number;
      readonly brokers: readonly string[];
      readonly topic: string;
      readonly redisUrl: string;
    };

export interface AccountState {
  cents: number;
  /** Transfers that have left this account and are not known to have arrived, by key. */
  onTheWay: Readonly<Record<string, { to: string; cents: number }>>;
}
