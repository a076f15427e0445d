export type { FolderSurvey } from "../journals/index.ts";
export type { JudgedRecord } from "../record-judge.ts";
export { type BackupReport, backupJournal } from "./backup-journal.ts";
export {
  entityHistory,
  type HistoryEnd,
  type HistoryOptions,
  type HistoryStep,
  type StateThen,
} from "./entity-history.ts";
export {
  allShards,
  type EventChoice,
  storedEvents,
  type TailOptions,
  tailEvents,
} from "./event-stream.ts";
export type { ExportedEvent } from "./exported-event.ts";
export { type ImportReport, importJournal } from "./import-journal.ts";
export {
  inspectedPages,
  inspectShard,
  type ShardReport,
  type SkippedFrames,
} from "./inspect-shard.ts";
export { type Json, plainJson, valueOfPlainJson } from "./plain-json.ts";
export { type RestoreReport, restoreJournal } from "./restore-journal.ts";
export {
  type FoundDamage,
  type JournalProof,
  type VerifyOptions,
  verifyEmbeddedJournal,
  verifyJournal,
} from "./verify-journal.ts";
export { type Damage, type ShardProof, verifyShard } from "./verify-shard.ts";
