import type { BlobStore } from "../blob-store.ts";
import type { S3BlobStoreOptions } from "./s3-blob-store.ts";

/**
 * Opens blobs on a server that speaks S3. The bucket must exist. The client is loaded here and not
 * before: it takes some hundred ms, and most systems have their blobs in a folder.
 */
export async function openS3BlobStore(options: S3BlobStoreOptions): Promise<BlobStore> {
  const { S3BlobStore } = await import("./s3-blob-store.ts");
  return new S3BlobStore(options);
}
