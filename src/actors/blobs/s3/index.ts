export { openS3BlobStore } from "./open-s3-blob-store.ts";
export type { S3BlobStoreOptions } from "./s3-blob-store.ts";
