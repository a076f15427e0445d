export {
  type EmbeddedJournalOptions,
  type FileDamage,
  type FileSystem,
  type FolderSurvey,
  fileAt,
  fileRefusal,
  type LogFile,
  makeFolders,
  metadataFile,
  metadataText,
  nodeFileSystem,
  type OpenMode,
  openEmbeddedJournal,
  readingWish,
  refusedFile,
  reidentifiedSegment,
  type SurveyedFile,
  segmentName,
  surveyEmbeddedJournal,
} from "./embedded/index.ts";
export {
  type AppendFault,
  type FaultJournal,
  type FaultJournalOptions,
  faultJournal,
  type ReadFault,
} from "./fault/index.ts";
export {
  type ImportSource,
  type KafkaImport,
  type KafkaJournalOptions,
  type KafkaOptions,
  openKafkaImport,
  openKafkaJournal,
  type SaslOptions,
  type SaslPassword,
  type SaslToken,
} from "./kafka/index.ts";
export { type MemoryJournalOptions, memoryJournal } from "./memory/index.ts";
export { checkShardCount } from "./shard-count.ts";
