export {
  type AppendFault,
  type FaultJournal,
  type FaultJournalOptions,
  faultJournal,
  type ReadFault,
} from "./fault-journal.ts";
