import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { JobStatus, RunStatus } from "../../proto/troupe/control/v1/control.ts";
import { connectControl, mapSecretSource, startServer } from "../../src/server/index.ts";
import { waitUntil } from "../support/wait-until.ts";
import { obedientAgent } from "./obedient-agent.ts";
import {
  clientOf,
  collect,
  job,
  jobStatuses,
  newIdentity,
  runningServer,
  runToEnd,
  submission,
  temporaryFolder,
} from "./running-server.ts";
import { enroll } from "./scripted-agent.ts";

describe("a server on a folder", () => {
  it("says where it is, and leaves nothing of itself behind", async () => {
    const server = await runningServer();
    const { dataDir } = server;
    const file = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8"));
    expect(file).toMatchObject({ pid: process.pid, agentAddress: server.agentAddress });
    expect(statSync(join(dataDir, "troupe.sock")).mode & 0o777).toBe(0o600);
    const client = await clientOf(server);
    expect(await client.getServer({})).toMatchObject({
      pid: process.pid,
      agentAddress: server.agentAddress,
    });
    client.close();
    await server.stop();
    expect(existsSync(join(dataDir, "troupe.sock"))).toBe(false);
    expect(existsSync(join(dataDir, "server.json"))).toBe(false);
    await expect(connectControl({ dataDir })).rejects.toMatchObject({
      code: "TROUPE_SERVER_UNREACHABLE",
    });
  });

  it("is the only one: a second one is told who serves the folder", async () => {
    const { dataDir } = await runningServer();
    const second = startServer({ dataDir });
    await expect(second).rejects.toMatchObject({ code: "TROUPE_JOURNAL_IN_USE" });
    await expect(second).rejects.toThrow(`pid ${process.pid}`);
    await (await clientOf({ dataDir })).getServer({});
  });

  it("is the only one also when many start at once", async () => {
    const dataDir = temporaryFolder();
    const starts = await Promise.allSettled(
      Array.from({ length: 5 }, () => startServer({ dataDir })),
    );
    const started = starts.filter((each) => each.status === "fulfilled");
    onTestFinished(async () => {
      for (const { value } of started) await value.stop();
    });
    expect(started).toHaveLength(1);
    for (const each of starts) {
      if (each.status === "rejected") expect(each.reason.code).toBe("TROUPE_JOURNAL_IN_USE");
    }
    await (await clientOf({ dataDir })).getServer({});
  });

  it("takes the place of a dead one that left its socket", async () => {
    const dataDir = temporaryFolder();
    await leaveDeadSocket(join(dataDir, "troupe.sock"));
    await runningServer({ dataDir });
    await (await clientOf({ dataDir })).getServer({});
  });

  it("works in a folder whose path is too long for a socket", async () => {
    const dataDir = join(temporaryFolder(), "d".repeat(120));
    const server = await runningServer({ dataDir });
    const client = await clientOf({ dataDir });
    expect((await client.getServer({})).pid).toBe(process.pid);
    await expect(startServer({ dataDir })).rejects.toMatchObject({ code: "TROUPE_JOURNAL_IN_USE" });
    client.close();
    await server.stop();
    expect(existsSync(join(server.dataDir, "troupe.sock.path"))).toBe(false);
    await runningServer({ dataDir });
  });

  it("works in a folder with a strange name", async () => {
    const dataDir = join(temporaryFolder(), "a b%20ü:é");
    await runningServer({ dataDir });
    expect((await (await clientOf({ dataDir })).getServer({})).pid).toBe(process.pid);
  });

  it("keeps its port over restarts, so that agents find back", async () => {
    const first = await runningServer();
    await first.stop();
    const second = await runningServer({ dataDir: first.dataDir });
    expect(second.agentAddress).toBe(first.agentAddress);
    await second.stop();
    const [host, port] = first.agentAddress.split(":");
    const other = createServer().listen(Number(port), host);
    onTestFinished(() => void other.close());
    await waitUntil("the port is taken", () => other.listening);
    const third = await runningServer({ dataDir: first.dataDir });
    expect(third.agentAddress).not.toBe(first.agentAddress);
  });

  it("does not listen without TLS where others could listen in", async () => {
    const dataDir = temporaryFolder();
    await expect(startServer({ dataDir, listen: "0.0.0.0:0", tls: false })).rejects.toMatchObject({
      code: "TROUPE_LISTEN_REFUSED",
    });
  });

  it("says so when its port is taken, and leaves the folder free", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void other.close());
    await waitUntil("the port is taken", () => other.listening);
    const { port } = other.address() as { port: number };
    const dataDir = temporaryFolder();
    await expect(startServer({ dataDir, listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "TROUPE_LISTEN_REFUSED",
    });
    await runningServer({ dataDir });
  });

  it.each([
    ["is a file", (folder: string) => join(folder, "file")],
    ["lies below a file", (folder: string) => join(folder, "file", "data")],
  ])("says so when the folder %s", async (_, dataDirIn) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "file"), "");
    await expect(startServer({ dataDir: dataDirIn(folder) })).rejects.toMatchObject({
      code: "TROUPE_OPTION_INVALID",
      details: { option: "dataDir" },
    });
  });

  it("passes the journal's own words on when it is damaged", async () => {
    const dataDir = temporaryFolder();
    const first = await runningServer({ dataDir });
    await first.stop();
    const journal = join(dataDir, "journal");
    for (const name of readdirSync(journal)) {
      if (statSync(join(journal, name)).isFile())
        writeFileSync(join(journal, name), "rubbish".repeat(9_000));
    }
    await expect(startServer({ dataDir })).rejects.toMatchObject({
      code: expect.stringMatching(/^TROUPE_JOURNAL_/),
    });
    expect(existsSync(join(dataDir, "troupe.sock"))).toBe(false);
  });
});

describe("a run over the wire", () => {
  it("goes from submit to its end: order, outputs, logs, secrets", async () => {
    const server = await runningServer({ secretSource: mapSecretSource({ NPM: "s3cret" }) });
    const client = await clientOf(server);
    const { assigned, agent } = await obedientAgent(
      server.agentAddress,
      await newIdentity(server, client),
      {
        work: ({ attempt, env }) => ({
          log: `${attempt?.job} ${env["SHA"] ?? ""}\n`,
          result: attempt?.job === "build" ? { outputs: { sha: "abc" } } : {},
        }),
      },
    );
    const jobs = [
      job("build", { outputs: ["sha"] }),
      job("ship", {
        needs: ["build"],
        env: { SHA: [{ ref: "output", job: "build", name: "sha" }] },
        secrets: { TOKEN: "NPM" },
      }),
    ];
    expect(await client.submitRun(submission("r1", jobs))).toEqual({ runId: "r1", created: true });
    const run = await runToEnd(client, "r1");
    expect(run.summary).toMatchObject({ status: RunStatus.SUCCEEDED, jobsFinished: 2 });
    expect(assigned).toEqual(["r1/build#1", "r1/ship#1"]);
    expect(agent.all("assignment")[1]?.secrets).toEqual({ TOKEN: "s3cret" });
    const log = await collectLog(client, { runId: "r1", job: "ship" });
    expect(log).toBe("ship abc\n");
    expect((await client.submitRun(submission("r1", jobs))).created).toBe(false);
  });

  it("leaves no secret, token or credential anywhere in the folder", async () => {
    const server = await runningServer({ secretSource: mapSecretSource({ NPM: "canary-secret" }) });
    const client = await clientOf(server);
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    const { agentId, credential } = await enroll(server.agentAddress, token);
    const { agent } = await obedientAgent(server.agentAddress, { agentId, credential });
    await client.submitRun(submission("r1", [job("a", { secrets: { TOKEN: "NPM" } })]));
    await runToEnd(client, "r1");
    expect(agent.all("assignment")[0]?.secrets).toEqual({ TOKEN: "canary-secret" });
    await server.stop();
    const files = readdirSync(server.dataDir, { recursive: true, encoding: "utf8" })
      .map((name) => join(server.dataDir, name))
      .filter((path) => statSync(path).isFile());
    expect(files.length).toBeGreaterThan(2);
    const stored = Buffer.concat(files.map((path) => readFileSync(path))).toString("latin1");
    expect(stored).toContain(agentId);
    for (const canary of ["canary-secret", token, token.slice("troupe_".length), credential]) {
      expect(stored).not.toContain(canary);
    }
  });

  it("fails and retries as the pipeline says", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    await obedientAgent(server.agentAddress, await newIdentity(server, client), {
      work: ({ attempt }) => ({
        log: `try ${attempt?.attempt}\n`,
        result:
          attempt?.job === "flaky" && attempt.attempt === 1
            ? { outcome: Outcome.FAILED, exitCode: 3, reason: "exit code 3" }
            : {},
      }),
    });
    const retry = { attemptsMax: 2, initialDelayMs: 1, factor: 1, delayMaxMs: 1 };
    await client.submitRun(submission("r1", [job("flaky", { retry })]));
    const run = await runToEnd(client, "r1");
    expect(run.jobs[0]).toMatchObject({ status: JobStatus.SUCCEEDED, attempt: 2 });
    expect(await collectLog(client, { runId: "r1", job: "flaky", attempt: 1 })).toBe("try 1\n");
    expect(await collectLog(client, { runId: "r1", job: "flaky" })).toBe("try 2\n");
  });

  it("is cancelled down to its agent", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    const { agent } = await obedientAgent(server.agentAddress, await newIdentity(server, client), {
      work: () => undefined,
    });
    await client.submitRun(submission("r1", [job("long"), job("next", { needs: ["long"] })]));
    const { attempt } = await agent.next("assignment");
    expect(await client.cancelRun({ runId: "r1", reason: "enough" })).toEqual({ cancelling: true });
    expect(await agent.next("cancel")).toMatchObject({ attempt });
    if (attempt === undefined) throw new Error("no attempt");
    agent.result(attempt, { outcome: Outcome.CANCELLED, signal: "SIGTERM" });
    const run = await runToEnd(client, "r1");
    expect(run.summary?.status).toBe(RunStatus.CANCELLED);
    expect(jobStatuses(run)).toMatchObject({ long: "CANCELLED" });
    expect(await client.cancelRun({ runId: "r1", reason: "" })).toEqual({ cancelling: false });
  });

  it("goes on over a restart of the server, and no finished job runs again", async () => {
    const first = await runningServer();
    const before = await clientOf(first);
    const identity = await newIdentity(first, before);
    const { agent, assigned } = await obedientAgent(first.agentAddress, identity, {
      work: ({ attempt }) => (attempt?.job === "slow" ? undefined : { log: "done\n" }),
    });
    const jobs = [
      job("first"),
      job("slow", { needs: ["first"] }),
      job("last", { needs: ["slow"] }),
    ];
    await before.submitRun(submission("r1", jobs));
    await waitUntil("slow runs", () => assigned.includes("r1/slow#1"));
    const slow = { runId: "r1", job: "slow", attempt: 1 };
    agent.log(slow, 0, "half ");
    await waitUntil("half its log is stored", () =>
      agent.all("logAck").some(({ attempt, offset }) => attempt?.job === "slow" && offset === 5),
    );
    before.close();
    await first.stop();

    const second = await runningServer({ dataDir: first.dataDir });
    const client = await clientOf(second);
    const back = await obedientAgent(second.agentAddress, identity, { hello: { holding: [slow] } });
    expect(back.agent.all("welcome")[0]?.disowned).toEqual([]);
    back.agent.send({ $case: "accepted", value: { attempt: slow } });
    back.agent.send({ $case: "started", value: { attempt: slow, startedAtMs: 1 } });
    back.agent.log(slow, 5, "and half\n");
    back.agent.result(slow, { logBytes: 14 });
    const run = await runToEnd(client, "r1");
    expect(run.summary?.status).toBe(RunStatus.SUCCEEDED);
    expect(assigned).toEqual(["r1/first#1", "r1/slow#1"]);
    expect(back.assigned).toEqual(["r1/last#1"]);
    expect(await collectLog(client, { runId: "r1", job: "slow" })).toBe("half and half\n");
  });

  it("runs a lost agent's job elsewhere, and refuses what the lost one still says", async () => {
    const server = await runningServer({ leaseMs: 300, leaseGraceMs: 50 });
    const client = await clientOf(server);
    const lostIdentity = await newIdentity(server, client);
    const lost = await obedientAgent(server.agentAddress, lostIdentity, { work: () => undefined });
    await client.submitRun(submission("r1", [job("only")]));
    await lost.agent.next("assignment");
    lost.agent.vanish();
    const other = await obedientAgent(server.agentAddress, await newIdentity(server, client));
    const run = await runToEnd(client, "r1");
    expect(run.jobs[0]).toMatchObject({ status: JobStatus.SUCCEEDED, attempt: 2 });
    expect(other.assigned).toEqual(["r1/only#2"]);

    const old = { runId: "r1", job: "only", attempt: 1 };
    const late = await obedientAgent(server.agentAddress, lostIdentity, {
      hello: { holding: [old] },
    });
    expect(late.agent.all("welcome")[0]?.disowned).toEqual([old]);
    late.agent.result(old);
    expect(await late.agent.next("resultAck")).toMatchObject({ recorded: false });
  });
});

describe("what a watcher sees", () => {
  it("the run as it is, each change, and every log byte before the end of its attempt", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    await client.submitRun(submission("r1", [job("a"), job("b", { needs: ["a"] })]));
    const watching = collect(client.watchRun({ runId: "r1", logs: true }));
    await obedientAgent(server.agentAddress, await newIdentity(server, client));
    const changes = await watching;
    expect(changes[0]).toMatchObject({ $case: "snapshot" });
    expect(changes.at(-1)).toMatchObject({
      $case: "summary",
      value: { status: RunStatus.SUCCEEDED },
    });
    const told = changes.flatMap((change) => {
      if (change.$case === "log")
        return [`${change.value.job}: ${String(change.value.data).trim()}`];
      const ended = change.$case === "job" && change.value.status === JobStatus.SUCCEEDED;
      return ended ? [`${change.value.name} ended`] : [];
    });
    expect(told).toEqual(["a: a", "a ended", "b: b", "b ended"]);
  });

  it("the same afterwards", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    await obedientAgent(server.agentAddress, await newIdentity(server, client));
    await client.submitRun(submission("r1", [job("a"), job("b", { needs: ["a"] })]));
    await runToEnd(client, "r1");
    const changes = await collect(client.watchRun({ runId: "r1", logs: true }));
    expect(changes[0]).toMatchObject({
      $case: "snapshot",
      value: { summary: { status: RunStatus.SUCCEEDED } },
    });
    const logs = changes.flatMap((change) =>
      change.$case === "log" ? [String(change.value.data)] : [],
    );
    expect(logs.sort()).toEqual(["a\n", "b\n"]);
  });

  it("is his own affair: leaving, or a signal, ends the watch and nothing else", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    await client.submitRun(submission("r1", [job("a")]));
    for await (const { change } of client.watchRun({ runId: "r1", logs: true })) {
      expect(change?.$case).toBe("snapshot");
      break;
    }
    const leaving = new AbortController();
    const changes: unknown[] = [];
    for await (const change of client.watchRun({ runId: "r1", logs: true }, leaving.signal)) {
      changes.push(change);
      leaving.abort();
    }
    expect(changes).toHaveLength(1);
    await obedientAgent(server.agentAddress, await newIdentity(server, client));
    expect((await runToEnd(client, "r1")).summary?.status).toBe(RunStatus.SUCCEEDED);
  });

  it("ends with an error he can understand when the server stops", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    await client.submitRun(submission("r1", [job("a")]));
    const watching = (async () => {
      for await (const _ of client.watchRun({ runId: "r1", logs: true }));
    })();
    const outcome = watching.then(
      () => "ended",
      (error: unknown) => error,
    );
    await waitUntil(
      "he watches",
      async () => (await client.listRuns({ limit: 0 })).runs.length > 0,
    );
    await server.stop();
    expect(await outcome).toMatchObject({ code: "TROUPE_SERVER_UNREACHABLE" });
  });
});

describe("the log of a job", () => {
  it("is followed live to the end of the attempt, from any offset", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    const { agent } = await obedientAgent(server.agentAddress, await newIdentity(server, client), {
      work: () => undefined,
    });
    await client.submitRun(submission("r1", [job("a")]));
    const following = collectLog(client, { runId: "r1", job: "a", offset: 2, follow: true });
    const attempt = { runId: "r1", job: "a", attempt: 1 };
    await agent.next("assignment");
    agent.log(attempt, 0, "one ");
    await agent.next("logAck");
    agent.log(attempt, 4, "two");
    agent.result(attempt, { logBytes: 7 });
    expect(await following).toBe("e two");
  });

  it("ends for its followers also when the attempt is lost", async () => {
    const server = await runningServer({ leaseMs: 300, leaseGraceMs: 50 });
    const client = await clientOf(server);
    const { agent } = await obedientAgent(server.agentAddress, await newIdentity(server, client), {
      work: () => undefined,
    });
    await client.submitRun(submission("r1", [job("a")]));
    const attempt = { runId: "r1", job: "a", attempt: 1 };
    await agent.next("assignment");
    agent.log(attempt, 0, "last words");
    await agent.next("logAck");
    const following = collectLog(client, { runId: "r1", job: "a", attempt: 1, follow: true });
    agent.vanish();
    expect(await following).toBe("last words");
  });
});

describe("a request that makes no sense", () => {
  it.each<[string, (client: Awaited<ReturnType<typeof clientOf>>) => Promise<unknown>, object]>([
    ["a run that is not there", (c) => c.getRun({ runId: "no" }), { code: "TROUPE_RUN_NOT_FOUND" }],
    [
      "to cancel one that is not there",
      (c) => c.cancelRun({ runId: "no", reason: "" }),
      { code: "TROUPE_RUN_NOT_FOUND" },
    ],
    [
      "to watch one that is not there",
      (c) => collect(c.watchRun({ runId: "no", logs: true })),
      { code: "TROUPE_RUN_NOT_FOUND" },
    ],
    [
      "the log of one that is not there",
      (c) => collectLog(c, { runId: "no", job: "a" }),
      { code: "TROUPE_RUN_NOT_FOUND" },
    ],
    [
      "the log of a job that is not there",
      (c) => collectLog(c, { runId: "r1", job: "b" }),
      { code: "TROUPE_JOB_NOT_FOUND", details: { run: "r1", job: "b", known: ["a"] } },
    ],
    [
      "the log of an attempt that was not made",
      (c) => collectLog(c, { runId: "r1", job: "a", attempt: 9 }),
      { code: "TROUPE_REQUEST_INVALID" },
    ],
    [
      "a pipeline that is no JSON",
      (c) => c.submitRun({ runId: "", pipelineJson: "{", parameters: {}, priority: 0 }),
      { code: "TROUPE_PIPELINE_INVALID" },
    ],
    [
      "a pipeline that needs itself",
      (c) => c.submitRun(submission("x", [job("a", { needs: ["a"] })])),
      { code: "TROUPE_PIPELINE_INVALID" },
    ],
    [
      "a parameter that the pipeline does not have",
      (c) => c.submitRun({ ...submission("x", [job("a")]), parameters: { nope: "1" } }),
      { code: "TROUPE_RUN_INVALID" },
    ],
    [
      "an id that is a path",
      (c) => c.submitRun(submission("../x", [job("a")])),
      { code: "TROUPE_REQUEST_INVALID" },
    ],
    [
      "a token for a year",
      (c) => c.createToken({ ttlMs: 31_536_000_000, labels: {} }),
      { code: "TROUPE_REQUEST_INVALID" },
    ],
  ])("%s is answered with the error itself", async (_, call, expected) => {
    const server = await runningServer();
    const client = await clientOf(server);
    await client.submitRun(submission("r1", [job("a")]));
    await expect(call(client)).rejects.toMatchObject(expected);
    expect((await client.listRuns({ limit: 0 })).runs.map(({ runId }) => runId)).toEqual(["r1"]);
  });
});

describe("what the server knows", () => {
  it("lists runs newest first, workers with what they hold, actors", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    const identity = await newIdentity(server, client);
    const { agent } = await obedientAgent(server.agentAddress, identity, { work: () => undefined });
    await client.submitRun(submission("r1", [job("a")]));
    await client.submitRun(submission("r2", [job("a")]));
    await agent.next("assignment");
    const { runs } = await client.listRuns({ limit: 0 });
    expect(runs.map(({ runId }) => runId)).toEqual(["r2", "r1"]);
    expect((await client.listRuns({ limit: 1 })).runs).toHaveLength(1);
    await waitUntil("both are assigned", () => agent.all("assignment").length === 2);
    const { workers } = await client.listWorkers({});
    expect(workers).toMatchObject([
      {
        workerId: identity.agentId,
        agentName: "scripted",
        status: "busy",
        slots: 2,
        labels: { os: "linux", arch: "x64" },
        running: ["r1/a#1", "r2/a#1"],
      },
    ]);
    const { actors } = await client.listActors({});
    expect(actors.map(({ path }) => path)).toContain("/scheduler");
    agent.vanish();
    await waitUntil("it is away", async () => {
      const [worker] = (await client.listWorkers({})).workers;
      return worker?.status === "busy, away";
    });
  });

  it("says why a job waits", async () => {
    const server = await runningServer();
    const client = await clientOf(server);
    await client.submitRun(submission("r1", [job("a", { labels: { gpu: "yes" } })]));
    const reason = await waitUntil("there is a reason", async () => {
      const { run } = await client.getRun({ runId: "r1" });
      return run?.jobs[0]?.reason || undefined;
    });
    expect(reason).toMatch(/gpu/);
  });
});

async function collectLog(
  client: Awaited<ReturnType<typeof clientOf>>,
  of: { runId: string; job: string; attempt?: number; offset?: number; follow?: boolean },
): Promise<string> {
  const request = { attempt: 0, offset: 0, follow: false, ...of };
  const pieces: Buffer[] = [];
  for await (const { data } of client.readLog(request)) pieces.push(Buffer.from(data));
  return Buffer.concat(pieces).toString();
}

/** A socket file behind which nobody listens, as `kill -9` leaves it. */
async function leaveDeadSocket(path: string): Promise<void> {
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script, path]);
  expect(existsSync(path)).toBe(true);
}
