import { link, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type BlobStore, FolderBlobStore } from "../../src/actors/blobs/index.ts";
import { silentLogger, systemClock } from "../../src/actors/kernel/index.ts";
import { ArchivedLogStore, FolderLogStore } from "../../src/actors/logs/index.ts";
import { archivedLogContract } from "./archived-log-contract.ts";

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "troupe-blobs-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const inFolder = async (): Promise<FolderBlobStore> =>
  new FolderBlobStore({ directory: await temporary() });

archivedLogContract("a folder", inFolder);

archivedLogContract("a folder on another disk", async (): Promise<BlobStore> => {
  const store: BlobStore = await inFolder();
  store.adopt = () => Promise.resolve(false);
  return store;
});

archivedLogContract("a store without files", async (): Promise<BlobStore> => {
  const store: BlobStore = await inFolder();
  // As of an object store: there is no such method.
  store.adopt = undefined as never;
  return store;
});

describe("what a kill leaves in the middle of a move", () => {
  const key = { runId: "r", job: "j", attempt: 1 };

  async function reopened(prepare: (file: string, blob: string) => Promise<void>) {
    const [directory, blobFolder] = [await temporary(), await temporary()];
    const folder = new FolderLogStore({ directory });
    const blobs = new FolderBlobStore({ directory: blobFolder });
    await folder.append(key, 0, Buffer.from("all of it"));
    await folder.seal(key);
    await folder.close();
    await blobs.append("logs/r/other", 0, Buffer.from("x"));
    const blob = join(blobFolder, "appended", "logs", "r", "j.1@");
    await prepare(folder.pathOf(key), blob);
    const again = new FolderLogStore({ directory });
    const options = { folder: again, blobs, clock: systemClock, logger: silentLogger };
    const logs = new ArchivedLogStore(options);
    onTestFinished(() => logs.close());
    await logs.start();
    await logs.archived();
    expect(await again.finished()).toEqual([]);
    expect(Buffer.from(await logs.read(key, 0, 100)).toString()).toBe("all of it");
    expect((await blobs.stat("logs/r/j.1"))?.bytes).toBe(9);
  }

  it("a file with both its names", () => reopened((file, blob) => link(file, blob)));

  it("a seal whose file has gone", () =>
    reopened(async (file, blob) => {
      await link(file, blob);
      await rm(file);
    }));

  it("a blob with the beginning", () => reopened((_, blob) => writeFile(blob, "all o")));
});
