/** What a server deletes, what it keeps for runs that go on, and what it says of what has gone; over a restart. */
import { createHash } from "node:crypto";
import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { Command } from "commander";
import { describe, expect, it, onTestFinished } from "vitest";
import { TransferServiceClient } from "../../proto/troupe/agent/v1/transfer.ts";
import { JobFile } from "../../proto/troupe/control/v1/control.ts";
import { GrpcBlobLink } from "../../src/agent/blob-link.ts";
import { systemClock as agentClock } from "../../src/agent/clock.ts";
import { Transfers } from "../../src/agent/transfers.ts";
import { addRetentionOptions, retentionOf } from "../../src/cli/program/retention-options.ts";
import { SilentJobs } from "../../src/cli/silent-jobs.ts";
import { type ControlClient, connectControl, startServer } from "../../src/server/index.ts";
import { jumpingClock } from "./jumping-clock.ts";
import { obedientAgent } from "./obedient-agent.ts";
import { job, newIdentity, runToEnd, submission, temporaryFolder } from "./running-server.ts";

const hourMs = 3_600_000;
const retention = { logRetention: { ageMsMax: hourMs }, fileRetention: { ageMsMax: hourMs } };

async function* piece(text: string) {
  yield Buffer.from(text);
}

/** All that is stored looks as if it were so old. */
function backdate(folder: string, ageMs: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const at = (Date.now() - ageMs) / 1_000;
    if (entry.isFile()) utimesSync(join(entry.parentPath, entry.name), at, at);
  }
}

/** A run that has ended and left everything, and one that waits with its workspace; both began three hours ago. */
async function leaveAll(dataDir: string) {
  const clock = jumpingClock();
  clock.ahead(-3 * hourMs);
  const server = await startServer({ dataDir, clock });
  onTestFinished(() => server.stop());
  const client = await connectControl({ dataDir });
  const identity = await newIdentity(server, client);
  const { agent } = await obedientAgent(server.agentAddress, identity, { work: () => undefined });
  const ended = await client.uploadWorkspace(piece("of the run that ends"));
  const held = await client.uploadWorkspace(piece("of the run that waits"));
  await client.submitRun({ ...submission("ended", [job("a"), job("never")]), workspace: ended });
  const waits = submission("waits", [job("a", { labels: { nobody: "has it" } })]);
  await client.submitRun({ ...waits, workspace: held });
  await agent.next("assignment");
  const attempt = { runId: "ended", job: "a", attempt: 1 };
  const stored = await store(server.agentAddress, identity, attempt, "what is left");
  const log = "::notice::here\n";
  agent.log(attempt, 0, log);
  agent.result(attempt, { logBytes: log.length, artifacts: stored, summary: stored });
  agent.result({ ...attempt, job: "never" }, {});
  await runToEnd(client, "ended");
  client.close();
  await server.stop();
  return { ended, held, stored };
}

async function store(
  address: string,
  { agentId, credential }: { readonly agentId: string; readonly credential: string },
  attempt: { runId: string; job: string; attempt: number },
  text: string,
) {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${agentId}.${credential}`);
  const client = new TransferServiceClient(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const link = new GrpcBlobLink(client, metadata);
  const transfers = new Transfers({ link: () => link, clock: agentClock, random: Math.random });
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, text);
  const sha256 = createHash("sha256").update(text).digest("hex");
  const stored = { sha256, bytes: text.length, what: "" };
  await transfers.store({ attempt, ...stored }, file, new AbortController().signal);
  return stored;
}

async function first(reading: AsyncIterable<unknown>): Promise<unknown> {
  for await (const message of reading) return message;
  return undefined;
}

const gone = { code: "TROUPE_GONE_BY_RETENTION" };

async function expectGone(client: ControlClient): Promise<void> {
  const of = { runId: "ended", job: "a" };
  const log = { ...of, attempt: 0, offset: 0, follow: false };
  await expect(first(client.readLog(log))).rejects.toMatchObject(gone);
  await expect(first(client.readLog({ ...log, follow: true }))).rejects.toThrow(
    /log of job a of run ended is gone by retention/,
  );
  await expect(first(client.outlineLog({ ...of, attempt: 0 }))).rejects.toMatchObject(gone);
  for (const file of [JobFile.ARTIFACTS, JobFile.SUMMARY]) {
    await expect(first(client.readJobFile({ ...of, file }))).rejects.toMatchObject(gone);
  }
  expect(await toldToWatcher(client)).toMatch(/log of job a of run ended is gone by retention/);
}

/** What `troupe watch` says of the ended run's logs, beside showing them. */
async function toldToWatcher(client: ControlClient): Promise<string | undefined> {
  const silent = new SilentJobs();
  for await (const { change } of client.watchRun({ runId: "ended", logs: true })) {
    if (change !== undefined) silent.see(change);
  }
  return silent.reason(client, "ended");
}

it("what is old goes and is said to be gone, what a waiting run holds stays, and so it is after a restart", async () => {
  const dataDir = temporaryFolder();
  const { ended, held, stored } = await leaveAll(dataDir);
  backdate(join(dataDir, "blobs"), 2 * hourMs);
  for (const options of [retention, {}]) {
    const server = await startServer({ dataDir, ...options });
    onTestFinished(() => server.stop());
    const client = await connectControl({ dataDir });
    await expectGone(client);
    // What never was is still told from what is gone.
    const none = client.readJobFile({ runId: "ended", job: "never", file: JobFile.ARTIFACTS });
    await expect(first(none)).rejects.toMatchObject({ code: "TROUPE_JOB_FILE_NOT_FOUND" });
    const hashes = readdirSync(join(dataDir, "blobs", "content"), { recursive: true });
    const isThere = ({ sha256 }: { readonly sha256: string }): boolean =>
      hashes.some((path) => String(path).endsWith(sha256));
    expect([ended, stored, held].map(isThere)).toEqual([false, false, true]);
    const again = { ...submission(`again ${hashes.length}`.replace(" ", "-"), [job("a")]) };
    await expect(client.submitRun({ ...again, workspace: ended })).rejects.toMatchObject({
      code: "TROUPE_BLOB_NOT_FOUND",
    });
    client.close();
    await server.stop();
  }
});

it("nothing goes before its time", async () => {
  const dataDir = temporaryFolder();
  await leaveAll(dataDir);
  backdate(join(dataDir, "blobs"), 0.5 * hourMs);
  const server = await startServer({ dataDir, ...retention });
  onTestFinished(() => server.stop());
  const client = await connectControl({ dataDir });
  onTestFinished(() => client.close());
  const of = { runId: "ended", job: "a" };
  expect(
    await first(client.readLog({ ...of, attempt: 0, offset: 0, follow: false })),
  ).toBeDefined();
  expect(await first(client.readJobFile({ ...of, file: JobFile.SUMMARY }))).toMatchObject({
    data: Buffer.from("what is left"),
  });
  // Nothing of this job was ever logged, and nothing has been removed.
  const silent = { runId: "ended", job: "never", attempt: 0, offset: 0, follow: false };
  expect(await first(client.readLog(silent))).toBeUndefined();
  expect(await toldToWatcher(client)).toBeUndefined();
});

describe("the flags of a server", () => {
  const parsed = (...args: string[]) => {
    const command = addRetentionOptions(new Command()).exitOverride();
    return retentionOf(command.parse(args, { from: "user" }).opts());
  };

  it("keep everything where they are not given", () => {
    expect(parsed()).toEqual({ logRetention: {} });
  });

  it("are times, numbers and sizes with their units", () => {
    const logs = ["--logs-max-age", "30d", "--logs-max-count", "9", "--logs-max-size", "2GiB"];
    expect(parsed(...logs, "--files-max-age", "1d12h")).toEqual({
      logRetention: { ageMsMax: 30 * 24 * hourMs, countMax: 9, bytesMax: 2 * 2 ** 30 },
      fileRetention: { ageMsMax: 36 * hourMs },
    });
  });

  it("bound caches by their use and by their size in all", () => {
    expect(parsed("--caches-max-unused", "2d", "--caches-max-size", "1GiB")).toEqual({
      logRetention: {},
      cacheUnusedMs: 48 * hourMs,
      cachesBytesMax: 2 ** 30,
    });
  });

  it.each([
    ["--logs-max-age", "30"],
    ["--files-max-age", "0d"],
    ["--files-max-age", "soon"],
    ["--logs-max-size", "50"],
    ["--logs-max-count", "-1"],
    ["--caches-max-unused", "7"],
    ["--caches-max-size", "10"],
  ])("refuse %s %s", (flag, value) => {
    expect(() => parsed(flag, value)).toThrow(`${flag} wants`);
  });
});
