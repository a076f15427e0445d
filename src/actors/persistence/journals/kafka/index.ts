export { type KafkaJournalOptions, openKafkaJournal } from "./open-kafka-journal.ts";
