export { FolderBlobStore, type FolderBlobStoreOptions } from "./folder-blob-store.ts";
