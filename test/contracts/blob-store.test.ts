import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type BlobStore, FolderBlobStore } from "../../src/actors/blobs/index.ts";
import { blobStoreContract } from "./blob-store-contract.ts";

const directories = new WeakMap<BlobStore, string>();

blobStoreContract("folder", {
  async create(options) {
    const directory =
      (options && directories.get(options.same)) ??
      (await mkdtemp(join(tmpdir(), "troupe-blobs-")));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const store = new FolderBlobStore({ directory });
    directories.set(store, directory);
    return store;
  },
});
