export { ArchivedLogStore, type ArchivedLogStoreOptions } from "./archived-log-store.ts";
export { FolderLogStore, type FolderLogStoreOptions } from "./folder-log-store.ts";
export {
  type Annotation,
  type LogCommand,
  LogCommands,
  logCommand,
  type Severity,
} from "./log-commands.ts";
export type { LogName } from "./log-name.ts";
export type { LogRetention } from "./log-retention.ts";
export type { AttemptKey, LogPiece, LogStore } from "./log-store.ts";
export { type LogTime, LogTimesCursor } from "./log-times.ts";
