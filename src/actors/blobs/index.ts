export { checkAppendedKey, contentBlobs, contentKey } from "./blob-key.ts";
export type {
  BlobRange,
  BlobSource,
  BlobStat,
  BlobStore,
  ContentBlob,
  PutOptions,
} from "./blob-store.ts";
export { FolderBlobStore, type FolderBlobStoreOptions } from "./folder/index.ts";
export { openS3BlobStore, type S3BlobStoreOptions } from "./s3/index.ts";
