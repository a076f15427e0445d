import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { OnDisconnect, Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { limits } from "../../src/actors/kernel/index.ts";
import type { PreparedAttempt } from "../../src/actors/workers/index.ts";
import { waitUntil } from "../support/wait-until.ts";
import { agentServiceBench, identity } from "./agent-service-bench.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

const attempt = { runId: "r1", job: "build", attempt: 1 };

const prepared: PreparedAttempt = {
  attempt,
  pipeline: "p",
  script: "echo hi",
  shell: "sh",
  env: { A: "1" },
  secrets: { TOKEN: "s3cret" },
  outputs: ["out"],
  timeoutMs: 1_000,
  killGraceMs: 500,
  onDisconnect: "continue",
};

describe("the greeting", () => {
  it("welcomes an agent with the terms, and opens its link after that", async () => {
    const { address, workers } = await agentServiceBench();
    const agent = new ScriptedAgent(address, identity);
    agent.hello({ labels: { zone: "a", bound: "no" } });
    expect(await agent.next("welcome")).toMatchObject({
      workerId: "agent-1",
      leaseMs: 30_000,
      heartbeatIntervalMs: 5_000,
      logWindowBytes: limits.logWindowBytes,
      serverVersion: "9.9.9",
      disowned: [],
    });
    await waitUntil("the link is open", () => workers.latest.opened);
    expect(workers.latest.hello).toEqual({
      agentName: "name of agent-1",
      version: "1.2.3",
      bootId: "boot-1",
      start: 0,
      dial: 0,
      labels: { os: "linux", arch: "x64", zone: "a", bound: "yes" },
      slots: 2,
      holding: [],
    });
  });

  it("ends a call without a known identity as unauthenticated", async () => {
    const { address, service } = await agentServiceBench();
    for (const who of [undefined, { agentId: "agent-1", credential: "wrong" }]) {
      const agent = new ScriptedAgent(address, who);
      agent.hello();
      expect(await agent.end()).toMatchObject({ code: status.UNAUTHENTICATED });
    }
    expect(service.counters().identitiesRefused).toBe(2);
  });

  it.each([
    ["another protocol version", { protocolVersion: 2 }, "protocol-version", /protocol 2/],
    ["no slots", { capabilities: undefined }, "hello-invalid", /slots/],
    ["no boot id", { bootId: "" }, "hello-invalid", /boot_id/],
    ["a label too long", { labels: { a: "x".repeat(300) } }, "hello-invalid", /labels/],
    [
      "a holding without a run",
      { holding: [{ runId: "", job: "j", attempt: 1 }] },
      "hello-invalid",
      /holding/,
    ],
  ])("refuses %s for good, with the reason", async (_, hello, code, reason) => {
    const { address, workers } = await agentServiceBench();
    const agent = new ScriptedAgent(address, identity);
    agent.hello(hello);
    const refused = await agent.next("refused");
    expect(refused).toMatchObject({ code, permanent: true });
    expect(refused.reason).toMatch(reason);
    expect((await agent.end()).code).toBe(status.OK);
    expect(workers.connections).toHaveLength(0);
  });

  it("refuses any other first message", async () => {
    const { address } = await agentServiceBench();
    const agent = new ScriptedAgent(address, identity);
    agent.send({ $case: "heartbeat", value: { sequence: 1, running: [] } });
    expect(await agent.next("refused")).toMatchObject({ code: "hello-expected", permanent: true });
  });

  it("refuses a hello that the network has held up until after a newer one, and serves the newer one on", async () => {
    const { address, workers } = await agentServiceBench();
    const newer = await ScriptedAgent.welcomed(address, identity, { start: 2, dial: 1 });
    const sameStart = await ScriptedAgent.welcomed(address, identity, { start: 2, dial: 3 });
    await newer.end();
    for (const late of [
      { start: 2, dial: 2 },
      { start: 1, dial: 9, bootId: "boot-0" },
    ]) {
      const agent = new ScriptedAgent(address, identity);
      agent.hello(late);
      expect(await agent.next("refused")).toMatchObject({ code: "late", permanent: false });
    }
    expect(workers.connections).toHaveLength(2);
    sameStart.send({ $case: "heartbeat", value: { sequence: 5, running: [] } });
    expect(await sameStart.next("heartbeatAck")).toEqual({ sequence: 5 });
  });

  it("passes a worker's refusal on, and lets the agent try again", async () => {
    const { address, workers } = await agentServiceBench();
    workers.refuseConnect = "its journal does not answer";
    const agent = new ScriptedAgent(address, identity);
    agent.hello();
    const refused = await agent.next("refused");
    expect(refused.permanent).toBe(false);
    expect(refused.reason).toMatch(/does not answer/);
  });

  it("tells which attempts it no longer wants, and how much of the others' logs it has", async () => {
    const { address, workers, logs } = await agentServiceBench();
    const gone = { ...attempt, attempt: 7 };
    workers.disown = [gone];
    await logs.append(attempt, 0, Buffer.from("12345"));
    const agent = new ScriptedAgent(address, identity);
    agent.hello({ holding: [attempt, gone] });
    expect((await agent.next("welcome")).disowned).toEqual([gone]);
    expect(await agent.next("logAck")).toEqual({ attempt, offset: 5 });
  });
});

describe("an attempt", () => {
  it("goes out whole, and its log and result come in", async () => {
    const { address, workers, logs } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    expect(await agent.next("assignment")).toEqual({
      attempt,
      pipeline: "p",
      script: "echo hi",
      shell: "sh",
      env: { A: "1" },
      secrets: { TOKEN: "s3cret" },
      outputs: ["out"],
      timeoutMs: 1_000,
      killGraceMs: 500,
      onDisconnect: OnDisconnect.CONTINUE,
      workingDirectory: "",
      traceparent: "",
      inputs: [],
      artifacts: [],
      stdin: "",
      caches: [],
      limits: { memoryBytes: 0, cpus: 0, processes: 0, logBytes: 0 },
    });
    agent.send({ $case: "accepted", value: { attempt } });
    agent.send({ $case: "started", value: { attempt, startedAtMs: 42 } });
    agent.log(attempt, 0, "hello ");
    agent.log(attempt, 6, "world");
    agent.result(attempt, { logBytes: 11, outputs: { out: "1" }, durationMs: 7 });
    expect(await agent.next("resultAck")).toEqual({ attempt, recorded: true, reason: "" });
    expect(agent.all("logAck").at(-1)).toEqual({ attempt, offset: 11 });
    expect(workers.latest.said).toEqual([
      "accepted r1/build/1",
      "started r1/build/1",
      "succeeded r1/build/1",
    ]);
    expect(workers.latest.results).toEqual([
      {
        outcome: "succeeded",
        exitCode: 0,
        outputs: { out: "1" },
        reason: "",
        startedAtMs: 1_000,
        durationMs: 7,
      },
    ]);
    expect(Buffer.from(await logs.read(attempt, 0, 100)).toString()).toBe("hello world");
  });

  it("has its result recorded only when its whole log is stored", async () => {
    const { address, workers } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.log(attempt, 0, "abc");
    agent.result(attempt, { logBytes: 6 });
    // The stored end, told again, asks for the rest.
    await waitUntil("the end is told", () => agent.all("logAck").at(-1)?.offset === 3);
    expect(workers.latest.results).toEqual([]);
    agent.log(attempt, 3, "def");
    expect((await agent.next("resultAck")).recorded).toBe(true);
    expect(workers.latest.results).toHaveLength(1);
  });

  it("answers a gap with the stored end, once, and goes on from there", async () => {
    const { address, workers, logs } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.log(attempt, 0, "ab");
    expect(await agent.next("logAck")).toEqual({ attempt, offset: 2 });
    for (let i = 0; i < 20; i += 1) agent.log(attempt, 10 + i, "x");
    expect(await agent.next("logAck")).toEqual({ attempt, offset: 2 });
    agent.log(attempt, 2, "cdefghij");
    agent.result(attempt, { logBytes: 10 });
    await agent.next("resultAck");
    expect(Buffer.from(await logs.read(attempt, 0, 100)).toString()).toBe("abcdefghij");
    expect(agent.all("logAck").map(({ offset }) => offset)).toEqual([2, 2, 10]);
  });

  it("that came back without bytes which were lost here is filled up with a mark, and ends", async () => {
    const { address, workers, logs } = await agentServiceBench();
    await logs.append(attempt, 0, Buffer.from("kept"));
    const agent = await ScriptedAgent.welcomed(address, identity, { holding: [attempt] });
    agent.log(attempt, 104, "goes on");
    agent.result(attempt, { logBytes: 111 });
    expect((await agent.next("resultAck")).recorded).toBe(true);
    const log = Buffer.from(await logs.read(attempt, 0, 1_000)).toString();
    expect(log).toMatch(/^kept\n\[troupe: 100 bytes of this log were lost\]\n +goes on$/);
    expect(workers.latest.results).toHaveLength(1);
  });

  it("that came back with its result, its log lost here, ends all the same", async () => {
    const { address, logs } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity, { holding: [attempt] });
    agent.result(attempt, { logBytes: 50 });
    expect((await agent.next("resultAck")).recorded).toBe(true);
    const log = Buffer.from(await logs.read(attempt, 0, 1_000)).toString();
    expect(log).toBe("\n[troupe: 50 bytes of this log were lost]\n");
  });

  it("takes bytes twice without storing them twice", async () => {
    const { address, workers, logs } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.log(attempt, 0, "abc");
    agent.log(attempt, 0, "abc");
    agent.log(attempt, 1, "bcd");
    agent.result(attempt, { logBytes: 4 });
    await agent.next("resultAck");
    expect(Buffer.from(await logs.read(attempt, 0, 100)).toString()).toBe("abcd");
  });

  it("acknowledges a repeated result with the same answer, and asks the run only once", async () => {
    const { address, workers } = await agentServiceBench();
    workers.finish = async () => ({ recorded: false, reason: "attempt 2 runs by now" });
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.result(attempt);
    const first = await agent.next("resultAck");
    agent.result(attempt);
    expect(await agent.next("resultAck")).toEqual(first);
    expect(first).toEqual({ attempt, recorded: false, reason: "attempt 2 runs by now" });
    expect(workers.latest.results).toHaveLength(1);
  });

  it("asks again when a result could not be recorded", async () => {
    const { address, workers } = await agentServiceBench();
    let tries = 0;
    workers.finish = async () => {
      tries += 1;
      if (tries === 1) throw new Error("the journal is away");
      return { recorded: true, reason: "" };
    };
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.result(attempt);
    expect((await agent.next("resultAck")).recorded).toBe(true);
    expect(tries).toBe(2);
  });

  it("that the agent does not hold is refused and counted", async () => {
    const { address, workers, service, logs } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    const foreign = { runId: "r1", job: "other", attempt: 3 };
    agent.log(foreign, 0, "forged");
    agent.send({ $case: "started", value: { attempt: foreign, startedAtMs: 1 } });
    agent.result(foreign);
    expect(await agent.next("resultAck")).toMatchObject({ attempt: foreign, recorded: false });
    expect(workers.latest.said).toEqual([]);
    expect(await logs.end(foreign)).toBe(0);
    agent.leave();
    await agent.end();
    await waitUntil("they are counted", () => service.counters().strayMessages === 3);
  });

  it("whose outcome this version does not know is an error, never a success", async () => {
    const { address, workers } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.result(attempt, { outcome: 99 as typeof Outcome.FAILED });
    await agent.next("resultAck");
    expect(workers.latest.results[0]).toMatchObject({ outcome: "error" });
  });

  it("is cancelled and drained by order", async () => {
    const { address, workers } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    workers.latest.session.cancel(attempt, { reason: "enough", graceMs: 9 });
    workers.latest.session.drain("idle");
    expect(await agent.next("cancel")).toEqual({ attempt, reason: "enough", graceMs: 9 });
    expect(await agent.next("drain")).toEqual({ reason: "idle" });
    agent.send({ $case: "draining", value: { reason: "as told" } });
    await waitUntil("it drains", () => workers.latest.said.includes("draining as told"));
  });
});

describe("the end of a session", () => {
  it("tells the worker once, with the cause, when the agent leaves or vanishes", async () => {
    const { address, workers } = await agentServiceBench();
    const leaving = await ScriptedAgent.welcomed(address, identity);
    const first = workers.latest;
    leaving.leave();
    await waitUntil("the worker knows", () => first.closedBecause);
    expect(first.closedBecause).toMatch(/stream ended/);

    const vanishing = await ScriptedAgent.welcomed(address, identity);
    vanishing.vanish();
    await waitUntil("the worker knows", () => workers.latest.closedBecause);
    expect(workers.connections).toHaveLength(2);
  });

  it.each([
    [
      "a second hello",
      (agent: ScriptedAgent) => agent.hello(),
      status.FAILED_PRECONDITION,
      /second hello/,
    ],
    [
      "bytes that are no message",
      (agent: ScriptedAgent) => agent.sendGarbage(),
      status.INVALID_ARGUMENT,
      /cannot be read/,
    ],
    [
      "a chunk above the limit",
      (agent: ScriptedAgent) => agent.log(attempt, 0, Buffer.alloc(limits.logChunkBytesMax + 1)),
      status.INVALID_ARGUMENT,
      /log chunks up to/,
    ],
  ])("comes with %s, and the server goes on", async (_, misbehave, code, details) => {
    const { address, workers } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    misbehave(agent);
    const end = await agent.end();
    expect(end.code).toBe(code);
    expect(end.details).toMatch(details);
    expect(workers.latest.closedBecause).toMatch(details);
    await ScriptedAgent.welcomed(address, { agentId: "agent-2", credential: "secret" });
  });

  it("comes when a log cannot be stored; nothing is acknowledged that is not stored", async () => {
    const { address, workers } = await agentServiceBench({
      logs: (real) => ({
        append: async () => Promise.reject(new Error("no space left on device")),
        end: (key) => real.end(key),
        read: (key, offset, most) => real.read(key, offset, most),
        times: (key) => real.times(key),
        seal: (key) => real.seal(key),
        follow: (key, offset, signal) => real.follow(key, offset, signal),
        stored: (key, offset, signal) => real.stored(key, offset, signal),
        close: () => real.close(),
      }),
    });
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    agent.log(attempt, 0, "abc");
    const end = await agent.end();
    expect(end).toMatchObject({ code: status.UNAVAILABLE });
    expect(end.details).toMatch(/no space left/);
    expect(agent.all("logAck")).toEqual([]);
  });

  it("comes to the older stream when the same process connects anew", async () => {
    const { address, workers } = await agentServiceBench();
    const older = await ScriptedAgent.welcomed(address, identity);
    const first = workers.latest;
    await ScriptedAgent.welcomed(address, identity);
    expect(await older.end()).toMatchObject({ code: status.UNAVAILABLE });
    expect(older.all("refused")).toEqual([]);
    expect(first.closedBecause).toMatch(/newer stream/);
    expect(workers.latest.closedBecause).toBeUndefined();
  });

  it("comes for good to the older process when another one shows the same identity", async () => {
    const { address, service } = await agentServiceBench();
    const older = await ScriptedAgent.welcomed(address, identity, { bootId: "one" });
    await ScriptedAgent.welcomed(address, identity, { bootId: "two" });
    expect(await older.next("refused")).toMatchObject({ code: "displaced", permanent: true });
    expect(service.counters().displaced).toBe(1);
  });

  it("comes to all sessions when the service closes, with a status that invites to return", async () => {
    const { address, workers, service } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    const greeting = new ScriptedAgent(address, { agentId: "agent-2", credential: "secret" });
    await waitUntil("both are there", () => service.counters().sessions === 2);
    await service.close("the server stops");
    for (const each of [agent, greeting]) {
      const { code, details } = await each.end();
      expect(code).toBe(status.UNAVAILABLE);
      expect(details).toMatch(/server stops/);
    }
    expect(workers.latest.closedBecause).toMatch(/server stops/);
  });
});

describe("flow", () => {
  it("stores 32 MiB of log in order through a window, acknowledging as it goes", async () => {
    const { address, workers, logs } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    const chunk = Buffer.alloc(64 * 1024);
    const total = 32 * 1024 * 1024;
    for (let offset = 0; offset < total; offset += chunk.byteLength) {
      chunk.fill(offset / chunk.byteLength);
      agent.log(attempt, offset, Buffer.from(chunk));
    }
    agent.result(attempt, { logBytes: total });
    expect((await agent.next("resultAck")).recorded).toBe(true);
    expect(await logs.end(attempt)).toBe(total);
    const last = await logs.read(attempt, total - 1, 1);
    expect(last[0]).toBe((total / chunk.byteLength - 1) % 256);
    const acks = agent.all("logAck").map(({ offset }) => offset);
    expect(acks).toEqual([...acks].sort((a, b) => a - b));
    expect(acks.length).toBeLessThan(total / chunk.byteLength);
  });

  it("reads no further than one window ahead of the disk, and goes on when it follows", async () => {
    let free = (): void => {};
    const blocked = new Promise<void>((resolve) => (free = resolve));
    const { address, workers, logs } = await agentServiceBench({
      logs: (real) => ({
        append: (key, offset, data) => blocked.then(() => real.append(key, offset, data)),
        end: (key) => real.end(key),
        read: (key, offset, most) => real.read(key, offset, most),
        times: (key) => real.times(key),
        seal: (key) => real.seal(key),
        follow: (key, offset, signal) => real.follow(key, offset, signal),
        stored: (key, offset, signal) => real.stored(key, offset, signal),
        close: () => real.close(),
      }),
    });
    const agent = await ScriptedAgent.welcomed(address, identity);
    workers.latest.session.assign(prepared);
    const chunk = Buffer.alloc(64 * 1024);
    const chunks = 64;
    for (let i = 0; i < chunks; i += 1) agent.log(attempt, i * chunk.byteLength, chunk);
    const inWindow = limits.logWindowBytes / chunk.byteLength;
    await waitUntil("a window is read", () => workers.latest.heartbeats >= inWindow);
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(workers.latest.heartbeats).toBeLessThanOrEqual(inWindow + 1);
    free();
    await waitUntil("all is stored", async () => {
      return (await logs.end(attempt)) === chunks * chunk.byteLength;
    });
  });

  it("answers heartbeats, and every message counts as a sign of life", async () => {
    const { address, workers } = await agentServiceBench();
    const agent = await ScriptedAgent.welcomed(address, identity);
    agent.send({ $case: "heartbeat", value: { sequence: 7, running: [] } });
    expect(await agent.next("heartbeatAck")).toEqual({ sequence: 7 });
    expect(workers.latest.heartbeats).toBe(1);
  });
});
