/** A server under more than it is used to: thousands of jobs, a lot of log, a watcher that does not read. */
import { credentials } from "@grpc/grpc-js";
import { expect, it, onTestFinished } from "vitest";
import {
  ControlServiceClient,
  JobStatus,
  RunStatus,
} from "../../proto/troupe/control/v1/control.ts";
import { obedientAgent } from "../server/obedient-agent.ts";
import {
  clientOf,
  collect,
  job,
  newIdentity,
  runningServer,
  runToEnd,
  submission,
} from "../server/running-server.ts";
import { waitUntil } from "../support/wait-until.ts";

const capabilities = {
  os: "linux",
  arch: "x64",
  slots: 16,
  shells: [],
  memoryBytes: 0,
  cpus: 1,
  enforces: [],
};

it("runs 2,000 jobs that do nothing, each once, and tells a watcher of each", async () => {
  const server = await runningServer();
  const client = await clientOf(server);
  const jobs = Array.from({ length: 2_000 }, (_, i) =>
    job(`j${i}`, { needs: i < 50 ? [] : [`j${i % 50}`] }),
  );
  const { assigned } = await obedientAgent(server.agentAddress, await newIdentity(server, client), {
    hello: { capabilities },
    work: () => ({}),
  });
  await client.submitRun(submission("wide", jobs));
  const changes = await collect(client.watchRun({ runId: "wide", logs: true }));
  expect(changes.at(-1)).toMatchObject({
    $case: "summary",
    value: { status: RunStatus.SUCCEEDED, jobsFinished: 2_000 },
  });
  expect(new Set(assigned).size).toBe(2_000);
  expect(assigned).toHaveLength(2_000);
  const { run } = await client.getRun({ runId: "wide" });
  expect(run?.jobs.every(({ status }) => status === JobStatus.SUCCEEDED)).toBe(true);
});

it("is not slowed by a watcher that does not read", async () => {
  const server = await runningServer();
  const client = await clientOf(server);
  const raw = new ControlServiceClient(server.controlAddress, credentials.createInsecure());
  onTestFinished(() => raw.close());
  await obedientAgent(server.agentAddress, await newIdentity(server, client), {
    hello: { capabilities },
    work: () => ({ log: `${"x".repeat(100_000)}\n` }),
  });
  const jobs = Array.from({ length: 200 }, (_, i) => job(`j${i}`));
  await client.submitRun(submission("r1", jobs));
  const stuck = raw.watchRun({ runId: "r1", logs: true });
  stuck.on("error", () => {});
  stuck.pause();
  expect((await runToEnd(client, "r1")).summary?.status).toBe(RunStatus.SUCCEEDED);

  let logBytes = 0;
  let last: unknown;
  for await (const { change } of stuck) {
    if (change.$case === "log") logBytes += change.value.data.byteLength;
    else last = change;
  }
  expect(logBytes).toBe(200 * 100_001);
  expect(last).toMatchObject({ $case: "summary", value: { status: RunStatus.SUCCEEDED } });
});

it("carries a large log through to a reader who came late", async () => {
  const server = await runningServer();
  const client = await clientOf(server);
  const { agent } = await obedientAgent(server.agentAddress, await newIdentity(server, client), {
    work: () => undefined,
  });
  await client.submitRun(submission("r1", [job("a")]));
  const attempt = { runId: "r1", job: "a", attempt: 1 };
  await agent.next("assignment");
  const piece = Buffer.alloc(64 * 1024, "0123456789abcdef");
  const pieces = 512;
  for (let i = 0; i < pieces; i += 1) agent.log(attempt, i * piece.byteLength, piece);
  agent.result(attempt, { logBytes: pieces * piece.byteLength });
  await agent.next("resultAck");
  let bytes = 0;
  for await (const { offset, data } of client.readLog({
    ...attempt,
    attempt: 0,
    offset: 0,
    follow: true,
  })) {
    expect(offset).toBe(bytes);
    bytes += data.byteLength;
  }
  expect(bytes).toBe(pieces * piece.byteLength);
});

it("serves many agents at once and loses none of their results", async () => {
  const server = await runningServer();
  const client = await clientOf(server);
  const agents = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      obedientAgent(server.agentAddress, await newIdentity(server, client), {
        hello: { bootId: `boot-${i}` },
        work: () => ({ log: "hi\n" }),
      }),
    ),
  );
  const runs = ["a", "b", "c"];
  for (const runId of runs) {
    const jobs = Array.from({ length: 200 }, (_, i) => job(`j${i}`));
    await client.submitRun(submission(runId, jobs));
  }
  for (const runId of runs) {
    expect((await runToEnd(client, runId)).summary?.status).toBe(RunStatus.SUCCEEDED);
  }
  await waitUntil("all agents had work", () => agents.every(({ assigned }) => assigned.length > 0));
  expect(agents.flatMap(({ assigned }) => assigned)).toHaveLength(600);
});
