/**
 * An agent that knows the hash of somebody's file, and not the file, gets no nearer to it: neither by naming it as what its
 * own job has left, nor by a put that the server could answer from what it has.
 */
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { expect, it, onTestFinished } from "vitest";
import { TransferServiceClient } from "../../proto/troupe/agent/v1/transfer.ts";
import { JobFile } from "../../proto/troupe/control/v1/control.ts";
import { GrpcBlobLink } from "../../src/agent/blob-link.ts";
import { systemClock } from "../../src/agent/clock.ts";
import { TransferRefusedError, Transfers } from "../../src/agent/transfers.ts";
import { obedientAgent } from "./obedient-agent.ts";
import {
  clientOf,
  job,
  jobStatuses,
  newIdentity,
  runningServer,
  runToEnd,
  submission,
  temporaryFolder,
} from "./running-server.ts";
import type { Identity } from "./scripted-agent.ts";

const goOn = new AbortController().signal;

function linkOf(address: string, { agentId, credential }: Identity): GrpcBlobLink {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${agentId}.${credential}`);
  const client = new TransferServiceClient(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  return new GrpcBlobLink(client, metadata);
}

const attemptOf = (runId: string, name: string) => ({ runId, job: name, attempt: 1 });

async function withSecretFile() {
  const server = await runningServer();
  const client = await clientOf(server);
  const owner = await newIdentity(server, client);
  const thief = await newIdentity(server, client);
  const bytes = randomBytes(300_000);
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, bytes);
  const secret = { sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
  const hello = { labels: { of: "owner" } };
  const options = { hello, work: () => undefined };
  const { agent } = await obedientAgent(server.agentAddress, owner, options);
  const transfers = new Transfers({
    link: () => linkOf(server.agentAddress, owner),
    clock: systemClock,
    random: Math.random,
  });
  /** The owner's job ends and leaves the file. */
  const leave = async (runId: string): Promise<void> => {
    await client.submitRun(submission(runId, [job("a", { labels: { of: "owner" } })]));
    await agent.next("assignment");
    const attempt = attemptOf(runId, "a");
    await transfers.store({ attempt, ...secret }, file, goOn);
    agent.result(attempt, { artifacts: { ...secret, what: "" } });
    expect(jobStatuses(await runToEnd(client, runId))).toEqual({ a: "SUCCEEDED" });
  };
  return { server, client, thief, secret, leave };
}

const stealing = [
  job("steal", { labels: { of: "thief" } }),
  job("use", { labels: { of: "thief" }, needs: ["steal"] }),
];

it("the hash of another job's file is worth nothing in a result", async () => {
  const { server, client, thief, secret, leave } = await withSecretFile();
  await leave("r");
  const { assigned } = await obedientAgent(server.agentAddress, thief, {
    hello: { labels: { of: "thief" } },
    work: () => ({
      result: { artifacts: { ...secret, what: "" }, summary: { ...secret, what: "" } },
    }),
  });
  await client.submitRun(submission("theft", stealing));
  const run = await runToEnd(client, "theft");
  expect(jobStatuses(run)).toEqual({ steal: "FAILED", use: "SKIPPED" });
  expect(run.jobs[0]?.reason).toBe(
    "the agent named artifacts of 300000 bytes that it has not stored for this attempt",
  );
  expect(assigned).toEqual(["theft/steal#1"]);
  for (const kind of [JobFile.ARTIFACTS, JobFile.SUMMARY]) {
    const read = client.readJobFile({ runId: "theft", job: "steal", file: kind });
    await expect(read[Symbol.asyncIterator]().next()).rejects.toThrow(/has left no/);
  }
});

it("a put of a known hash is asked for the bytes, and says nothing of what is stored", async () => {
  const { server, client, thief, secret, leave } = await withSecretFile();
  await leave("r");
  const options = { hello: { labels: { of: "thief" } }, work: () => undefined };
  const { agent } = await obedientAgent(server.agentAddress, thief, options);
  await client.submitRun(submission("theft", stealing));
  await agent.next("assignment");
  const link = linkOf(server.agentAddress, thief);
  const attempt = attemptOf("theft", "steal");
  const asked: number[] = [];
  const put = (sha256: string, pieces: readonly Buffer[]) =>
    link.put(
      { attempt, sha256, bytes: secret.bytes },
      async function* (offset) {
        asked.push(offset);
        yield* pieces;
      },
      goOn,
    );
  const unknown = createHash("sha256").update("nowhere").digest("hex");
  for (const sha256 of [secret.sha256, unknown]) {
    await expect(put(sha256, [])).rejects.toThrow(TransferRefusedError);
    await expect(put(sha256, [randomBytes(secret.bytes)])).rejects.toThrow(TransferRefusedError);
  }
  // Stored or not, it is the same to see.
  expect(asked).toEqual([0, 0, 0, 0]);
  const read = link.get({ attempt, sha256: secret.sha256, offset: 0 }, goOn);
  await expect(read[Symbol.asyncIterator]().next()).rejects.toThrow("was not given that file");
  agent.result(attempt, { artifacts: { ...secret, what: "" } });
  expect(jobStatuses(await runToEnd(client, "theft"))).toMatchObject({ steal: "FAILED" });
});

it("who has the same file may leave it too", async () => {
  const { client, leave } = await withSecretFile();
  await leave("r1");
  await leave("r2");
  const sizes = await Promise.all(
    ["r1", "r2"].map(
      async (runId) => (await client.getRun({ runId })).run?.jobs[0]?.artifactsBytes,
    ),
  );
  expect(sizes).toEqual([300_000, 300_000]);
});
