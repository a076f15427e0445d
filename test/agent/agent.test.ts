import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { AgentError, type AgentOptions, exitCodes, startAgent } from "../../src/agent/index.ts";
import { agentVersion } from "../../src/agent/version.ts";
import { waitUntil } from "../support/wait-until.ts";
import { assignment } from "./support/fake-server.ts";
import { temporaryFolder } from "./support/folder.ts";
import { isAlive } from "./support/job.ts";
import { connected, start, startServer } from "./support/started-agent.ts";

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

  test("knows which agent it is on", async () => {
    const { server } = await connected();
    const job = assignment({ script: 'echo "$TROUPE_AGENT_NAME"' });
    server.last.assign(job);
    await server.result(job.attempt);
    expect(server.text(job.attempt)).toBe("tester\n");
  });

  test("can be cancelled by the server", async () => {
    const { server } = await connected();
    const job = assignment({ script: "echo up; sleep 300" });
    server.last.assign(job);
    await waitUntil("the log", () => server.text(job.attempt) === "up\n");
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
    await waitUntil("the first line", () => server.text(job.attempt).includes("tick"));
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

  test("where to get a token is asked only when there is need of one", async () => {
    const stateDir = temporaryFolder();
    let asked = 0;
    const token = async () => {
      asked++;
      return "token-1";
    };
    const server = await startServer();
    for (let starts = 0; starts < 2; starts++) {
      const agent = await start(server, { stateDir, token });
      await agent.connected;
      await agent.stop();
    }
    expect(asked).toBe(1);
    const other = await startServer();
    await (await start(other, { stateDir, token })).connected;
    expect(asked).toBe(2);
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
    [
      "a state folder that cannot be",
      { stateDir: "/dev/null/state" },
      /cannot use the state folder/,
    ],
    [
      "a state folder where nothing can be made",
      { stateDir: "/proc/nope/state" },
      /cannot use the state folder/,
    ],
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
    await agent.connected;
    const same = { server: server.address, stateDir, name: "tester", token: "t" };
    await expect(startAgent(same)).rejects.toThrow(/in use by the agent with pid/);
    await agent.stop();
    writeFileSync(join(stateDir, "identity.json"), "{");
    await expect(startAgent(same)).rejects.toThrow(/is damaged: remove it/);
    expect(existsSync(join(stateDir, "agent.pid"))).toBe(false);
  });
});

describe("going away", () => {
  test("drain: declines new jobs, ends when the present one is reported", async () => {
    const { server, agent } = await connected();
    const job = assignment({ script: "echo up; sleep 0.5; echo done" });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) === "up\n");
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
    await waitUntil("the start", () => server.text(job.attempt) === "up\n");
    expect(await agent.drain({ timeoutMs: 100 })).toMatchObject({ exitCode: exitCodes.done });
    expect(await server.result(job.attempt)).toMatchObject({ outcome: Outcome.CANCELLED });
  });

  test("stop cancels, reports, and leaves nothing behind", async () => {
    const { server, agent } = await connected();
    const job = assignment({ script: "echo $$; exec sleep 300" });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) !== "");
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

test("cuts leave no connection behind", async () => {
  const { server } = await connected();
  const sockets = () =>
    process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocket")).length;
  const before = sockets();
  for (let cuts = 0; cuts < 10; cuts++) {
    const next = server.sessions.length;
    server.last.cut();
    await server.session(next);
  }
  await waitUntil("only the last connection's sockets", () => sockets() <= before);
});
