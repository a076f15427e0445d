export { fileRefusal, readingWish, refusedFile } from "./file-refusal.ts";
export type { FileSystem, LogFile, OpenMode } from "./file-system.ts";
export { makeFolders } from "./make-folders.ts";
export { metadataFile, metadataText } from "./metadata.ts";
export { nodeFileSystem } from "./node-file-system.ts";
export { type EmbeddedJournalOptions, openEmbeddedJournal } from "./open-embedded-journal.ts";
export { reidentifiedSegment } from "./reidentify.ts";
export { segmentName } from "./segment.ts";
export {
  type FileDamage,
  type FolderSurvey,
  fileAt,
  type SurveyedFile,
  surveyEmbeddedJournal,
} from "./survey.ts";
