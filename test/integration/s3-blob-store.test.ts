/** The blob store on a real server that speaks S3. */
import { randomUUID } from "node:crypto";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  type BlobStore,
  openS3BlobStore,
  type S3BlobStoreOptions,
} from "../../src/actors/blobs/index.ts";
import { archivedLogContract } from "../contracts/archived-log-contract.ts";
import { blobStoreContract } from "../contracts/blob-store-contract.ts";

const url = new URL(process.env["S3_URL"] ?? "http://missing:missing@127.0.0.1:1");
const endpoint = url.origin;
const credentials = { accessKeyId: url.username, secretAccessKey: url.password };
const bucket = `troupe-${randomUUID()}`;
/** The smallest that S3 takes. */
const partBytes = 5 * 1024 * 1024;

beforeAll(async () => {
  const client = new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
});

const prefixes = new WeakMap<BlobStore, string>();

async function openStore(prefix: string, of: Partial<S3BlobStoreOptions> = {}): Promise<BlobStore> {
  const options = { endpoint, credentials, bucket, prefix, partBytes, ...of };
  const store = await openS3BlobStore(options);
  prefixes.set(store, prefix);
  return store;
}

blobStoreContract("s3", {
  partBytes,
  // A prefix of its own for each store, so that the tests share one server and no objects.
  create: (options) => openStore((options && prefixes.get(options.same)) ?? `test-${randomUUID()}`),
});

archivedLogContract("S3", () => openStore(`logs-${randomUUID()}`));

describe("blobs in S3", () => {
  async function errorOf(of: Partial<S3BlobStoreOptions>): Promise<unknown> {
    const store = await openStore("trouble", of);
    onTestFinished(() => store.close());
    return store.append("logs/x", 0, Buffer.from("x")).catch((error: unknown) => error);
  }

  it("says what the server refused", async () => {
    const unavailable = { code: "TROUPE_BLOB_STORE_UNAVAILABLE", retryable: true };
    expect(await errorOf({ bucket: "troupe-no-such-bucket" })).toMatchObject(unavailable);
    expect(
      await errorOf({ credentials: { ...credentials, secretAccessKey: "wrong" } }),
    ).toMatchObject(unavailable);
    expect(await errorOf({ endpoint: "http://127.0.0.1:1" })).toMatchObject(unavailable);
  });

  it("takes no part that S3 would refuse", async () => {
    await expect(openStore("x", { partBytes: 1024 })).rejects.toThrow(/at least 5242880 bytes/);
  });

  it("appends the same bytes twice when an answer got lost, and no others", async () => {
    const prefix = `test-${randomUUID()}`;
    const [store, other] = [await openStore(prefix), await openStore(prefix)];
    onTestFinished(() => Promise.all([store.close(), other.close()]).then(() => {}));
    await other.append("logs/x", 0, Buffer.from("lost answer"));
    // As the client's own second try: what is there is what it wanted to write.
    expect(await store.append("logs/y", 0, Buffer.from("x"))).toBe(1);
    await expect(store.append("logs/x", 0, Buffer.from("other bytes"))).rejects.toMatchObject({
      code: "TROUPE_BLOB_GAP",
      details: { end: 11 },
    });
  });
});
