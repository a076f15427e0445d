import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { attemptKey } from "../../src/agent/attempt.ts";
import {
  type Agent,
  AgentError,
  type AgentOptions,
  exitCodes,
  startAgent,
} from "../../src/agent/index.ts";
import { agentVersion } from "../../src/agent/version.ts";
import { assignment, FakeServer, type FakeServerOptions, welcome } from "./support/fake-server.ts";
import { temporaryFolder } from "./support/folder.ts";
import { isAlive } from "./support/job.ts";
import { until } from "./support/until.ts";

async function startServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

async function start(server: FakeServer, options: Partial<AgentOptions> = {}): Promise<Agent> {
  const agent = await startAgent({
    server: server.address,
    token: "token-1",
    name: "tester",
    stateDir: temporaryFolder(),
    slots: 4,
    // No waiting between dials: the tests cut often.
    random: () => 0,
    ...options,
  });
  onTestFinished(async () => {
    await agent.stop();
  });
  return agent;
}

async function connected(
  serverOptions: FakeServerOptions = {},
  agentOptions: Partial<AgentOptions> = {},
): Promise<{ server: FakeServer; agent: Agent }> {
  const server = await startServer(serverOptions);
  const agent = await start(server, agentOptions);
  await agent.connected;
  return { server, agent };
}

describe("a job on the line", () => {
  test("is accepted, started, logged and reported, in this order", async () => {
    const { server } = await connected();
    const job = assignment({
      script: 'echo hello; echo there >&2; echo "x=1" >>"$TROUPE_OUTPUT"',
      outputs: ["x"],
    });
    server.last.assign(job);
    const result = await server.result(job.attempt);
    expect(result).toMatchObject({
      outcome: Outcome.SUCCEEDED,
      exitCode: 0,
      reason: "",
      outputs: { x: "1" },
      logBytes: 12,
    });
    expect(Math.abs(result.startedAtMs - Date.now())).toBeLessThan(60_000);
    expect(server.text(job.attempt)).toBe("hello\nthere\n");
    const kinds = server.last.kinds().filter((kind) => kind !== "heartbeat");
    expect([...new Set(kinds)]).toEqual(["hello", "accepted", "started", "log", "result"]);
    expect(server.violations).toEqual([]);
  });

  test("can be cancelled by the server", async () => {
    const { server } = await connected();
    const job = assignment({ script: "echo up; sleep 300" });
    server.last.assign(job);
    await until(() => server.text(job.attempt) === "up\n", "the log");
    server.last.send({
      $case: "cancel",
      value: { attempt: job.attempt, reason: "by ann", graceMs: 1_000 },
    });
    expect(await server.result(job.attempt)).toMatchObject({
      outcome: Outcome.CANCELLED,
      signal: "SIGTERM",
      exitCode: 143,
      reason: "cancelled: by ann",
    });
  });

  test("many at once share the link", async () => {
    const { server } = await connected({}, { slots: 8 });
    const jobs = Array.from({ length: 8 }, () =>
      assignment({ script: "head -c 2000000 /dev/zero | tr '\\0' x" }),
    );
    for (const job of jobs) server.last.assign(job);
    for (const job of jobs) {
      expect(await server.result(job.attempt)).toMatchObject({ logBytes: 2_000_000 });
      expect(server.log(job.attempt).equals(Buffer.alloc(2_000_000, "x"))).toBe(true);
    }
    expect(server.violations).toEqual([]);
  });

  test("a trickle is seen within the flush delay, not when it is over", async () => {
    const { server } = await connected({ welcome: { logFlushMs: 30 } });
    const job = assignment({ script: "while :; do echo tick; sleep 0.01; done" });
    server.last.assign(job);
    await until(() => server.text(job.attempt).includes("tick"), "the first line", 2_000);
  });
});

describe("who the agent is", () => {
  test("it enrols once, keeps its identity to itself, and comes back with it", async () => {
    const stateDir = temporaryFolder();
    const server = await startServer();
    const options = { stateDir, labels: { zone: "a" } };
    const first = await start(server, options);
    await first.connected;
    expect(server.enrolments).toMatchObject([
      { token: "token-1", agentName: "tester", labels: { zone: "a" }, version: agentVersion },
    ]);
    expect(statSync(join(stateDir, "identity.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(stateDir, "identity.json"), "utf8")).not.toContain("token-1");
    await first.stop();
    const second = await startAgent({ server: server.address, name: "tester", stateDir });
    onTestFinished(async () => {
      await second.stop();
    });
    await second.connected;
    expect(server.enrolments).toHaveLength(1);
    const [before, after] = server.sessions.map((session) => session.hello);
    expect(after?.bootId).not.toBe(before?.bootId);
  });

  test("it says what it is and can", async () => {
    const { server } = await connected({}, { labels: { gpu: "none" }, slots: 3 });
    expect(server.last.hello).toMatchObject({
      protocolVersion: 1,
      version: packageJson.version,
      agentName: "tester",
      labels: { gpu: "none" },
      holding: [],
      capabilities: { os: process.platform, arch: process.arch, slots: 3 },
    });
    expect(server.last.hello?.capabilities?.shells).toContain("sh");
    expect(server.last.hello?.capabilities?.memoryBytes).toBeGreaterThan(1_000_000);
  });

  test("a token that does not work ends it, with what to do", async () => {
    const agent = await start(await startServer(), { token: "wrong" });
    const end = await agent.ended;
    expect(end.exitCode).toBe(exitCodes.refused);
    expect(end.reason).toMatch(/unknown, used or expired.*make a new one with troupe token create/);
  });

  test("an identity that the server does not know ends it, unless there is a token", async () => {
    const stateDir = temporaryFolder();
    const first = await start(await startServer(), { stateDir });
    await first.connected;
    await first.stop();
    const other = await startServer();
    const without = await startAgent({ server: other.address, stateDir, name: "tester" });
    expect(await without.ended).toMatchObject({ exitCode: exitCodes.refused });
    const second = await start(other, { stateDir });
    await second.connected;
    expect(other.enrolments).toHaveLength(1);
  });

  test("a refusal for good ends it with the server's words", async () => {
    const server = await startServer({ automatic: false });
    const agent = await start(server);
    const session = await server.session(0);
    session.send({
      $case: "refused",
      value: { code: "protocol-version", reason: "speak version 2", permanent: true },
    });
    expect(await agent.ended).toEqual({
      exitCode: exitCodes.refused,
      reason: "the server refused this agent: speak version 2 (protocol-version)",
    });
  });

  test("another refusal is tried again", async () => {
    const server = await startServer({ automatic: false });
    await start(server);
    const value = { code: "busy", reason: "too many agents", permanent: false };
    (await server.session(0)).send({ $case: "refused", value });
    (await server.session(1)).send({ $case: "refused", value });
    await server.session(2);
  });

  test.each([
    ["no token and no identity", { token: undefined }, /has not enrolled yet/],
    ["an address with a scheme", { server: "http://host:1" }, /host:port without a scheme/],
    ["no port", { server: "localhost" }, /host:port/],
    ["a bad name", { name: "a b" }, /an agent's name/],
    ["a bad label", { labels: { "": "x" } }, /a label's name/],
    ["no slots", { slots: 0 }, /whole number from 1/],
    ["a state folder that cannot be", { stateDir: "/dev/null/state" }, /cannot use the state folder/],
    ["a work folder that cannot be", { workDir: "/dev/null/work" }, /cannot use the work folder/],
  ])("does not start with %s", async (_name, options, message) => {
    const base = { server: "127.0.0.1:9", token: "t", name: "tester", stateDir: temporaryFolder() };
    const started = startAgent({ ...base, ...options } as AgentOptions);
    await expect(started).rejects.toThrow(AgentError);
    await expect(started).rejects.toThrow(message);
  });

  test("two agents do not share a state folder; a damaged identity is said to be", async () => {
    const stateDir = temporaryFolder();
    const server = await startServer();
    const agent = await start(server, { stateDir });
    const same = { server: server.address, stateDir, name: "tester", token: "t" };
    await expect(startAgent(same)).rejects.toThrow(/in use by the agent with pid/);
    await agent.stop();
    writeFileSync(join(stateDir, "identity.json"), "{");
    await expect(startAgent(same)).rejects.toThrow(/is damaged: remove it/);
    expect(existsSync(join(stateDir, "agent.pid"))).toBe(false);
  });
});

describe("a bad network", () => {
  test("cut at any message: every byte once, in order; every result until it is acknowledged", async () => {
    const stateDir = temporaryFolder();
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, async (cuts) => {
        const server = await FakeServer.start({
          welcome: { logFlushMs: 1, logWindowBytes: 700 },
          cutAt: (_message, count) => cuts.includes(count),
        });
        server.identities.add("Bearer agent-1.secret");
        const agent = await startAgent({
          server: server.address,
          token: "token-1",
          name: "tester",
          stateDir,
          slots: 2,
          random: () => 0,
        });
        const lines = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done";
        const jobs = [assignment({ script: lines }), assignment({ script: `${lines}; exit 3` })];
        // As the server does it: assigned again on every link until it is heard of.
        const assign = async () => {
          for (let index = 0; jobs.some((job) => !server.results.has(attemptKey(job.attempt))); ) {
            await until(() => server.sessions.length > index, "a session", 5_000).catch(() => {});
            const session = server.sessions[index++];
            if (session === undefined) continue;
            await until(() => session.over || session.hello !== undefined, "hello");
            const held = (session.hello?.holding ?? []).map(attemptKey);
            for (const job of jobs) {
              const key = attemptKey(job.attempt);
              if (!held.includes(key) && !server.results.has(key)) session.assign(job);
            }
            await until(
              () =>
                session.over || jobs.every((job) => server.results.has(attemptKey(job.attempt))),
              "the end of the session",
            );
          }
        };
        await assign();
        const expected = Array.from({ length: 300 }, (_, line) => `line ${line}\n`).join("");
        for (const job of jobs) expect(server.text(job.attempt)).toBe(expected);
        expect((await server.result(jobs[1]?.attempt as never)).exitCode).toBe(3);
        expect(server.violations).toEqual([]);
        await agent.drain();
        await server.stop();
      }),
      { numRuns: 12, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("a server that is gone for a while: jobs go on, nothing is lost", async () => {
    const { server } = await connected({ welcome: { logFlushMs: 5 } });
    const witness = join(temporaryFolder(), "done");
    // More than the agent keeps in memory, so most of it goes through the disk.
    const script = `echo up; sleep 0.3; head -c 12000000 /dev/zero | tr '\\0' y; touch ${witness}`;
    const job = assignment({ script });
    server.last.assign(job);
    await until(() => server.text(job.attempt) === "up\n", "the first line");
    await server.stop();
    await until(() => existsSync(witness), "the end of the job while the server is away");
    await server.restart();
    expect(await server.result(job.attempt)).toMatchObject({ logBytes: 12_000_003 });
    const expected = Buffer.concat([Buffer.from("up\n"), Buffer.alloc(12_000_000, "y")]);
    expect(server.log(job.attempt).equals(expected)).toBe(true);
    expect(server.last.hello?.holding).toEqual([job.attempt]);
    expect(server.violations).toEqual([]);
    expect(server.results.get(attemptKey(job.attempt))).toHaveLength(1);
  });

  test("50 MB through a window of 20,000 bytes, exact to the byte", async () => {
    const { server } = await connected({ welcome: { logFlushMs: 0, logWindowBytes: 20_000 } });
    const script =
      "const chunk = Buffer.alloc(50_000, 'abcdefghijklmnopqrstuvwxy\\n'); for (let i = 0; i < 1000; i++) require('fs').writeSync(1, chunk)";
    const job = assignment({ shell: "node", script });
    server.last.assign(job);
    await until(() => server.results.has(attemptKey(job.attempt)), "the result", 60_000);
    expect(await server.result(job.attempt)).toMatchObject({ logBytes: 50_000_000, exitCode: 0 });
    const chunk = Buffer.alloc(50_000, "abcdefghijklmnopqrstuvwxy\n");
    const expected = createHash("sha256");
    for (let count = 0; count < 1_000; count++) expected.update(chunk);
    const got = createHash("sha256").update(server.log(job.attempt)).digest("hex");
    expect(got).toBe(expected.digest("hex"));
    expect(server.violations).toEqual([]);
  }, 90_000);

  test("a full window stops the job's own writing, and costs nothing when it opens again", async () => {
    const { server } = await connected({ holdLogAcks: true, welcome: { logWindowBytes: 100_000 } });
    const progress = join(temporaryFolder(), "progress");
    const script = `for i in $(seq 1 40); do head -c 100000 /dev/zero; echo $i >${progress}; done`;
    const job = assignment({ script });
    server.last.assign(job);
    await until(() => server.log(job.attempt).length > 50_000, "a window that is nearly full");
    const reached = () => Number(readFileSync(progress, "utf8"));
    await until(() => existsSync(progress) && reached() >= 3, "the buffers to be full");
    const before = reached();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Window, unsent bytes and the pipe: not 4 MB.
    expect(reached()).toBeLessThanOrEqual(Math.max(before, 6));
    expect(server.log(job.attempt).length).toBeLessThanOrEqual(100_000);
    server.options = { ...server.options, holdLogAcks: false };
    const value = { attempt: job.attempt, offset: server.log(job.attempt).length };
    server.last.send({ $case: "logAck", value });
    expect(await server.result(job.attempt)).toMatchObject({ logBytes: 4_000_000, exitCode: 0 });
    expect(server.log(job.attempt).equals(Buffer.alloc(4_000_000))).toBe(true);
  });

  test("an attempt that the server gave up is killed when the link is back", async () => {
    const { server } = await connected();
    const job = assignment({ script: "echo $$; exec sleep 300" });
    server.last.assign(job);
    await until(() => server.text(job.attempt) !== "", "its pid");
    const pid = Number(server.text(job.attempt));
    expect(isAlive(pid)).toBe(true);
    server.options = { welcome: { disowned: [job.attempt] } };
    server.last.cut();
    await until(() => !isAlive(pid), "its end");
    expect(server.results.size).toBe(0);
  });

  test("a link that answers no heartbeat is dialled again; an answered one stays", async () => {
    const server = await startServer({ automatic: false });
    await start(server);
    const first = await server.session(0);
    first.send({ $case: "welcome", value: welcome({ heartbeatIntervalMs: 20 }) });
    const second = await server.session(1);
    expect(first.kinds().filter((kind) => kind === "heartbeat")).toHaveLength(3);
    server.options = { automatic: true };
    second.send({ $case: "welcome", value: welcome({ heartbeatIntervalMs: 20 }) });
    const beats = () => second.kinds().filter((kind) => kind === "heartbeat").length;
    await until(() => beats() >= 10, "ten heartbeats");
    expect(server.sessions).toHaveLength(2);
  });

  test("the end of a lease is noted, and the job goes on", async () => {
    const warnings: string[] = [];
    const log = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) };
    const { server } = await connected(
      { welcome: { leaseMs: 150, heartbeatIntervalMs: 50 } },
      { log },
    );
    const job = assignment({ script: "echo up; sleep 1; echo done" });
    server.last.assign(job);
    await until(() => server.text(job.attempt) === "up\n", "the start");
    await server.stop();
    await until(() => warnings.some((text) => text.includes("the lease is over")), "the note");
    await server.restart();
    expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
    expect(server.text(job.attempt)).toBe("up\ndone\n");
  });
});

describe("going away", () => {
  test("drain: declines new jobs, ends when the present one is reported", async () => {
    const { server, agent } = await connected();
    const job = assignment({ script: "echo up; sleep 0.5; echo done" });
    server.last.assign(job);
    await until(() => server.text(job.attempt) === "up\n", "the start");
    const ended = agent.drain({ reason: "maintenance" });
    await server.last.waitFor("draining");
    const late = assignment();
    server.last.assign(late);
    expect(await server.result(late.attempt)).toMatchObject({
      outcome: Outcome.DECLINED,
      reason: "the agent is draining: maintenance",
    });
    expect(await ended).toEqual({ exitCode: exitCodes.done, reason: "maintenance" });
    expect(server.text(job.attempt)).toBe("up\ndone\n");
  });

  test("drain with a deadline cancels what takes longer", async () => {
    const { server, agent } = await connected();
    const job = assignment({ script: "echo up; sleep 300" });
    server.last.assign(job);
    await until(() => server.text(job.attempt) === "up\n", "the start");
    expect(await agent.drain({ timeoutMs: 100 })).toMatchObject({ exitCode: exitCodes.done });
    expect(await server.result(job.attempt)).toMatchObject({ outcome: Outcome.CANCELLED });
  });

  test("stop cancels, reports, and leaves nothing behind", async () => {
    const { server, agent } = await connected();
    const job = assignment({ script: "echo $$; exec sleep 300" });
    server.last.assign(job);
    await until(() => server.text(job.attempt) !== "", "the start");
    expect(await agent.stop("test")).toMatchObject({ exitCode: exitCodes.done });
    expect(isAlive(Number(server.text(job.attempt)))).toBe(false);
    expect(await server.result(job.attempt)).toMatchObject({
      outcome: Outcome.CANCELLED,
      reason: "cancelled: test",
    });
  });

  test("the server can ask for it", async () => {
    const { server, agent } = await connected();
    server.last.send({ $case: "drain", value: { reason: "scale down" } });
    expect(await agent.ended).toEqual({ exitCode: exitCodes.done, reason: "scale down" });
  });
});
