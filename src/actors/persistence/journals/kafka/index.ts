export type { KafkaOptions, SaslOptions, SaslPassword, SaslToken } from "./kafka-options.ts";
export { type KafkaJournalOptions, openKafkaJournal } from "./open-kafka-journal.ts";
