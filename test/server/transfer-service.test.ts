import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  TransferServiceClient,
  TransferServiceService,
} from "../../proto/troupe/agent/v1/transfer.ts";
import { FolderBlobStore } from "../../src/actors/blobs/index.ts";
import { CacheIndex, Caches, cacheIndexId } from "../../src/actors/caches/index.ts";
import { silentLogger, systemClock, TroupeError } from "../../src/actors/kernel/index.ts";
import { createSystem } from "../../src/actors/system/index.ts";
import type { PreparedCache, StoredFile } from "../../src/actors/workers/index.ts";
import { GrpcBlobLink } from "../../src/agent/blob-link.ts";
import { systemClock as agentClock } from "../../src/agent/clock.ts";
import {
  TransferRefusedError,
  TransferStoppedError,
  Transfers,
} from "../../src/agent/transfers.ts";
import { FilesInUse } from "../../src/server/file-sweep.ts";
import { listenGrpc } from "../../src/server/grpc-listener.ts";
import { transferHandlers } from "../../src/server/transfer-service.ts";
import { temporaryFolder } from "../agent/support/folder.ts";

const attempt = { runId: "run", job: "build", attempt: 1 };
const hashOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

async function service(
  granted: (workerId: string) => readonly StoredFile[] | undefined,
  grant: { pipeline: string; caches: readonly PreparedCache[] } = { pipeline: "p", caches: [] },
) {
  const directory = temporaryFolder();
  const caches = await newCaches();
  const blobs = new FolderBlobStore({ directory });
  let refusals = 0;
  const handlers = transferHandlers({
    blobs,
    caches,
    runs: {
      grant: async (_attempt, workerId) => {
        const given = granted(workerId);
        return given && { given, ...grant };
      },
      stored: async (_attempt, workerId) => granted(workerId) !== undefined,
    },
    filesInUse: new FilesInUse(),
    identify: async ({ metadata }) => {
      const [name] = metadata.get("authorization");
      if (name === undefined) throw new TroupeError("TROUPE_AGENT_REFUSED", { reason: "nobody" });
      return { agentId: String(name) };
    },
    logger: silentLogger,
    refused: () => {
      refusals += 1;
    },
  });
  const listener = await listenGrpc({
    address: "127.0.0.1:0",
    clock: systemClock,
    messageBytesMax: 4 * 1024 * 1024,
    services: (server) => server.addService(TransferServiceService, handlers),
  });
  onTestFinished(async () => {
    await listener.stop(1_000);
    await blobs.close();
  });
  const linkOf = (agentId: string) => {
    const metadata = new Metadata();
    metadata.set("authorization", agentId);
    const client = new TransferServiceClient(
      `127.0.0.1:${listener.port}`,
      credentials.createInsecure(),
    );
    onTestFinished(() => client.close());
    return new GrpcBlobLink(client, metadata);
  };
  const transfersOf = (agentId: string) =>
    new Transfers({ link: () => linkOf(agentId), clock: agentClock, random: Math.random });
  return { blobs, caches, linkOf, transfersOf, refusals: () => refusals };
}

async function newCaches(): Promise<Caches> {
  const system = await createSystem({ name: "transfers", logger: silentLogger });
  const blobs = new FolderBlobStore({ directory: temporaryFolder() });
  onTestFinished(async () => {
    await system.stop();
    await blobs.close();
  });
  const index = () => system.actor(CacheIndex, cacheIndexId);
  const sizes = { bytesMax: 100_000, unusedMs: 1_000_000 };
  return new Caches({ blobs, index, ...sizes, clock: systemClock, logger: silentLogger });
}

const goOn = new AbortController().signal;

function fileOf(data: Uint8Array): string {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, data);
  return file;
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

describe("files of jobs, between an agent and a server", () => {
  test("go there and come back, whole", async () => {
    const data = randomBytes(3_000_001);
    const file = { sha256: hashOf(data), bytes: data.length, what: "it" };
    const { transfersOf, blobs } = await service(() => [file]);
    const transfers = transfersOf("mine");
    await transfers.store({ attempt, ...file }, fileOf(data), goOn);
    expect((await textOf(blobs.get(`sha256/${file.sha256}`))).equals(data)).toBe(true);
    // Again, whole: there already.
    await transfers.store({ attempt, ...file }, fileOf(data), goOn);
    const target = join(temporaryFolder(), "target");
    // It goes on behind what is there.
    writeFileSync(target, data.subarray(0, 1_000));
    await transfers.fetch(attempt, file, target, goOn);
    expect(readFileSync(target).equals(data)).toBe(true);
  });

  test("an agent touches nothing but what its attempt was given", async () => {
    const data = randomBytes(1_000);
    const file = { sha256: hashOf(data), bytes: data.length, what: "it" };
    const { transfersOf, blobs, linkOf, refusals } = await service((workerId) =>
      workerId === "mine" ? [] : undefined,
    );
    await blobs.put(async function* () {
      yield data;
    });
    const target = join(temporaryFolder(), "target");
    // It is stored, but not this attempt's; the attempt is another agent's.
    for (const agent of ["mine", "other"]) {
      const fetched = transfersOf(agent).fetch(attempt, file, target, goOn);
      await expect(fetched).rejects.toThrow(TransferRefusedError);
    }
    const stored = transfersOf("other").store({ attempt, ...file }, fileOf(data), goOn);
    await expect(stored).rejects.toThrow("this attempt is not with this agent");
    expect(refusals()).toBe(3);
    // No attempt at all, no hash, and bytes that are not what was promised.
    const link = linkOf("mine");
    const put = (start: object, bytes: Uint8Array) =>
      link.put(
        { attempt, sha256: file.sha256, bytes: 10, ...start },
        async function* () {
          yield bytes;
        },
        goOn,
      );
    const nobody = { runId: "", job: "", attempt: 0 };
    await expect(put({ attempt: nobody }, data)).rejects.toThrow(TransferRefusedError);
    await expect(put({ sha256: "../../etc/passwd" }, data)).rejects.toThrow(TransferRefusedError);
    const other = randomBytes(8);
    const promised = { sha256: hashOf(other), bytes: 8 };
    await expect(put(promised, randomBytes(8))).rejects.toThrow(TransferRefusedError);
    await expect(put(promised, randomBytes(9))).rejects.toThrow(TransferRefusedError);
    expect(await blobs.stat(`sha256/${promised.sha256}`)).toBeUndefined();
  });

  test("a job that is stopped does not wait for the network", async () => {
    const transfers = new Transfers({
      link: () => undefined,
      clock: agentClock,
      random: () => 1,
    });
    const stop = new AbortController();
    const file = { sha256: hashOf(randomBytes(1)), bytes: 1, what: "it" };
    const fetched = transfers.fetch(attempt, file, "/nowhere", stop.signal);
    stop.abort();
    await expect(fetched).rejects.toThrow(TransferStoppedError);
  });
});

describe("caches", () => {
  const hash = "ab".repeat(32);
  const cache: PreparedCache = {
    key: ["npm.-", { agent: "os" }, "-", { hashFiles: ["lock"] }],
    restoreKeys: [["npm.-", { agent: "os" }, "-"]],
    paths: ["kept"],
  };
  const own = { pipeline: "p", caches: [cache] };
  const key = `npm.-linux-${hash}`;
  const question = { attempt, cache: 0, key, restoreKeys: ["npm.-linux-"] };

  const fileOfText = (text: string) => ({
    sha256: hashOf(Buffer.from(text)),
    bytes: Buffer.byteLength(text),
    what: "",
  });
  function put(
    transfers: Transfers,
    text: string,
    under: { cache: number; key: string } = question,
  ) {
    const cache = { cache: under.cache, key: under.key };
    const { sha256, bytes } = fileOfText(text);
    return transfers.store({ attempt, sha256, bytes, cache }, fileOf(Buffer.from(text)), goOn);
  }

  test("are saved once under a key, found by it or by a beginning, and read", async () => {
    const { transfersOf, blobs } = await service(() => [], own);
    const transfers = transfersOf("me");
    expect(await transfers.findCache(question, goOn)).toBeUndefined();
    const file = fileOfText("content");
    expect(await put(transfers, "content")).toBe(true);
    expect(await put(transfers, "other")).toBe(false);
    const later = { ...question, key: `npm.-linux-${"cd".repeat(32)}` };
    const found = await transfers.findCache(later, goOn);
    expect(found).toMatchObject({ key, file: { sha256: file.sha256, bytes: 7 } });
    const to = join(temporaryFolder(), "to");
    await transfers.fetch(attempt, { ...file, cache: true }, to, goOn);
    expect(readFileSync(to, "utf8")).toBe("content");
    // They are no files of jobs, and files of jobs are no caches.
    expect(await blobs.stat(`sha256/${file.sha256}`)).toBeUndefined();
    await expect(transfers.fetch(attempt, file, `${to}2`, goOn)).rejects.toThrow("not given");
  });

  test("of other keys, of another pipeline, or too large are refused and counted", async () => {
    const { transfersOf, linkOf, refusals, caches } = await service(() => [], own);
    const transfers = transfersOf("me");
    const refused = [
      { ...question, key: "npm.-linux-short" },
      { ...question, key: `npmx-linux-${hash}` },
      { ...question, key: `${key}\n` },
      { ...question, key: `x${key}` },
      { ...question, cache: 1 },
      { ...question, key: "" },
    ];
    for (const each of refused) {
      await expect(put(transfers, "content", each)).rejects.toThrow(TransferRefusedError);
      await expect(transfers.findCache(each, goOn)).rejects.toThrow(TransferRefusedError);
    }
    const beginning = { ...question, restoreKeys: ["n"] };
    await expect(transfers.findCache(beginning, goOn)).rejects.toThrow(TransferRefusedError);
    await expect(put(transfers, "x".repeat(100_001))).rejects.toThrow("all caches together");

    const foreign = Buffer.from("of another pipeline");
    async function* once() {
      yield foreign;
    }
    const { sha256, bytes } = await caches.blobs.put(once);
    await caches.save({ scope: "q/0123456789abcdef", key, sha256, bytes });
    expect(await transfers.findCache(question, goOn)).toBeUndefined();
    const to = join(temporaryFolder(), "to");
    const read = () => transfers.fetch(attempt, { sha256, bytes, what: "", cache: true }, to, goOn);
    await expect(read()).rejects.toThrow("not given");
    // Its hash gives no right to it either: a put that sends no bytes saves nothing.
    const start = { attempt, sha256, bytes, cache: { cache: 0, key } };
    const nothing = linkOf("me").put(start, async function* () {}, goOn);
    await expect(nothing).rejects.toThrow(TransferRefusedError);
    await expect(read()).rejects.toThrow("not given");
    expect(refusals()).toBe(2 * refused.length + 3);

    const without = await service(() => []);
    await expect(put(without.transfersOf("me"), "x")).rejects.toThrow("may not use that cache");
  });
});
