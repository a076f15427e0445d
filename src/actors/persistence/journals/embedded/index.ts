export type { FileSystem, LogFile, OpenMode } from "./file-system.ts";
export { nodeFileSystem } from "./node-file-system.ts";
export { type EmbeddedJournalOptions, openEmbeddedJournal } from "./open-embedded-journal.ts";
export {
  type FileDamage,
  type FolderSurvey,
  fileAt,
  type SurveyedFile,
  surveyEmbeddedJournal,
} from "./survey.ts";
