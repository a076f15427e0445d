export type { ImportSource } from "./import-marker.ts";
export type { KafkaOptions, SaslOptions, SaslPassword, SaslToken } from "./kafka-options.ts";
export {
  type KafkaImport,
  type KafkaJournalOptions,
  openKafkaImport,
  openKafkaJournal,
} from "./open-kafka-journal.ts";
