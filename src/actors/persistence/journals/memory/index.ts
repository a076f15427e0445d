export { type MemoryJournalOptions, memoryJournal } from "./memory-journal.ts";
