import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { ConnectResponse } from "../../proto/troupe/agent/v1/agent.ts";
import { attemptKey } from "../../src/agent/attempt.ts";
import { type AgentClock, systemClock } from "../../src/agent/clock.ts";
import { exitCodes, startAgent } from "../../src/agent/index.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { waitUntil } from "../support/wait-until.ts";
import { CuttingProxy } from "./support/cutting-proxy.ts";
import { assignment, FakeServer, welcome } from "./support/fake-server.ts";
import { temporaryFolder } from "./support/folder.ts";
import { isAlive } from "./support/job.ts";
import { connected, start, startServer } from "./support/started-agent.ts";

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
            await waitUntil("a session", () => server.sessions.length > index, {
              deadlineMs: 5_000,
            }).catch(() => {});
            const session = server.sessions[index++];
            if (session === undefined) continue;
            await waitUntil("hello", () => session.over || session.hello !== undefined);
            const held = (session.hello?.holding ?? []).map(attemptKey);
            for (const job of jobs) {
              const key = attemptKey(job.attempt);
              if (!held.includes(key) && !server.results.has(key)) session.assign(job);
            }
            await waitUntil(
              "the end of the session",
              () =>
                session.over || jobs.every((job) => server.results.has(attemptKey(job.attempt))),
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
      { numRuns: 40, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("a server that is gone for a while: jobs go on, nothing is lost", async () => {
    const { server } = await connected({ welcome: { logFlushMs: 5 } });
    const witness = join(temporaryFolder(), "done");
    // More than the agent keeps in memory, so most of it goes through the disk.
    const script = `echo up; sleep 0.3; head -c 12000000 /dev/zero | tr '\\0' y; touch ${witness}`;
    const job = assignment({ script });
    server.last.assign(job);
    await waitUntil("the first line", () => server.text(job.attempt) === "up\n");
    await server.stop();
    await waitUntil("the end of the job while the server is away", () => existsSync(witness));
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
    await waitUntil("the result", () => server.results.has(attemptKey(job.attempt)));
    expect(await server.result(job.attempt)).toMatchObject({ logBytes: 50_000_000, exitCode: 0 });
    const chunk = Buffer.alloc(50_000, "abcdefghijklmnopqrstuvwxy\n");
    const expected = createHash("sha256");
    for (let count = 0; count < 1_000; count++) expected.update(chunk);
    const got = createHash("sha256").update(server.log(job.attempt)).digest("hex");
    expect(got).toBe(expected.digest("hex"));
    expect(server.violations).toEqual([]);
  });

  test("a full window stops the job's own writing, and costs nothing when it opens again", async () => {
    const { server } = await connected({ holdLogAcks: true, welcome: { logWindowBytes: 100_000 } });
    const progress = join(temporaryFolder(), "progress");
    const script = `for i in $(seq 1 40); do head -c 100000 /dev/zero; echo $i >${progress}; done`;
    const job = assignment({ script });
    server.last.assign(job);
    // Where the first piece ends is the pipe's doing; what is left of the flight then is not worth another piece.
    const flying = () => server.log(job.attempt).length;
    await waitUntil("a full flight", () => flying() > agentLimits.logFlightBytesMin / 2);
    const reached = () => Number(readFileSync(progress, "utf8"));
    await waitUntil("the buffers to be full", () => existsSync(progress) && reached() >= 9);
    const before = reached();
    // While it stands still, others of the same length go by.
    for (let i = 0; i < 3; i++) {
      const other = assignment({
        script: "for i in $(seq 1 40); do head -c 100000 /dev/zero >/dev/null; done",
      });
      server.last.assign(other);
      await server.result(other.attempt);
    }
    // Window, unsent bytes and the pipe: not 4 MB.
    expect(reached()).toBeLessThanOrEqual(Math.max(before, 14));
    expect(flying()).toBeLessThanOrEqual(100_000);
    server.options = { ...server.options, holdLogAcks: false };
    const value = { attempt: job.attempt, offset: flying() };
    server.last.send({ $case: "logAck", value });
    expect(await server.result(job.attempt)).toMatchObject({ logBytes: 4_000_000, exitCode: 0 });
    expect(server.log(job.attempt).equals(Buffer.alloc(4_000_000))).toBe(true);
  });

  test("an attempt that the server gave up is killed when the link is back", async () => {
    const { server } = await connected();
    const job = assignment({ script: "echo $$; exec sleep 300" });
    server.last.assign(job);
    await waitUntil("its pid", () => server.text(job.attempt) !== "");
    const pid = Number(server.text(job.attempt));
    expect(isAlive(pid)).toBe(true);
    server.options = { welcome: { disowned: [job.attempt] } };
    server.last.cut();
    await waitUntil("its end", () => !isAlive(pid));
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
    await waitUntil("ten heartbeats", () => beats() >= 10);
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
    await waitUntil("the start", () => server.text(job.attempt) === "up\n");
    await server.stop();
    await waitUntil("the note", () => warnings.some((text) => text.includes("the lease is over")));
    await server.restart();
    expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
    expect(server.text(job.attempt)).toBe("up\ndone\n");
  });
});

describe("connections that break below gRPC", () => {
  async function throughProxy(): Promise<{ server: FakeServer; proxy: CuttingProxy }> {
    const server = await startServer({ welcome: { heartbeatIntervalMs: 50, logFlushMs: 2 } });
    const proxy = await CuttingProxy.start(server.address);
    onTestFinished(() => proxy.stop());
    const agent = await start(server, { server: proxy.address });
    await agent.connected;
    return { server, proxy };
  }

  test("thirty resets while a job prints: every line once", async () => {
    const { server, proxy } = await throughProxy();
    const lines = "i=0; while [ $i -lt 600 ]; do echo line $i; i=$((i+1)); sleep 0.002; done";
    const job = assignment({ script: lines });
    server.last.assign(job);
    await server.last.waitFor("accepted");
    for (let cut = 0; cut < 30; cut++) {
      proxy.reset();
      const { length } = server.sessions;
      await waitUntil("the next session", () => server.sessions.length > length);
      await server.session(length);
    }
    expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
    const expected = Array.from({ length: 600 }, (_, line) => `line ${line}\n`).join("");
    expect(server.text(job.attempt)).toBe(expected);
    expect(server.violations).toEqual([]);
  });

  test("a connection that is silently dead is noticed by its heartbeats", async () => {
    const { server, proxy } = await throughProxy();
    const job = assignment({ script: "echo up; sleep 0.3; echo done" });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) === "up\n");
    proxy.freeze();
    await waitUntil("a second session", () => server.sessions.length === 2);
    expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
    expect(server.text(job.attempt)).toBe("up\ndone\n");
  });
});

describe("a server that talks nonsense", () => {
  test("bytes that are no message cost the link, not the agent", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const { server } = await connected();
        server.last.sendRaw(Buffer.from(bytes));
        const job = assignment();
        server.last.assign(job);
        await waitUntil("the job", () => {
          if (server.results.has(attemptKey(job.attempt))) return true;
          const held = server.last.kinds().includes("accepted");
          if (!held && server.last.hello !== undefined) server.last.assign(job);
          return false;
        });
        expect(server.text(job.attempt)).toBe("hello\n");
      }),
      { numRuns: 15 },
    );
  });

  test("messages in any order with any content neither end it nor start a job twice", async () => {
    const { server } = await connected({}, { slots: 2 });
    const witness = join(temporaryFolder(), "ran");
    const name = fc.constantFrom("", "a", "b", "ü/..");
    const attempt = fc.option(
      fc.record({ runId: name, job: name, attempt: fc.constantFrom(0, 1, 2) }),
      { nil: undefined },
    );
    const text = fc.string({ maxLength: 20 });
    const number = fc.constantFrom(0, 1, 1_000, 2 ** 40);
    const message = fc.oneof(
      fc.record({
        $case: fc.constant("logAck" as const),
        value: fc.record({ attempt, offset: number }),
      }),
      fc.record({
        $case: fc.constant("resultAck" as const),
        value: fc.record({ attempt, recorded: fc.boolean(), reason: text }),
      }),
      fc.record({
        $case: fc.constant("cancel" as const),
        value: fc.record({ attempt, reason: text, graceMs: number }),
      }),
      fc.record({
        $case: fc.constant("heartbeatAck" as const),
        value: fc.record({ sequence: number }),
      }),
      fc.record({
        $case: fc.constant("refused" as const),
        value: fc.record({ code: text, reason: text, permanent: fc.constant(false) }),
      }),
      fc.record({
        $case: fc.constant("assignment" as const),
        value: attempt.map((attempt) =>
          assignment({
            attempt,
            script: `echo "$TROUPE_ATTEMPT_ID" >>${witness}`,
            killGraceMs: 10,
          }),
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 10 }), async (messages) => {
        const { length } = server.sessions;
        for (const one of messages) server.last.send(one);
        if (messages.some((one) => one.$case === "refused")) await server.session(length);
      }),
      { numRuns: 100 },
    );
    await waitUntil("the last hello", () => server.last.hello !== undefined);
    const job = assignment();
    server.last.assign(job);
    expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
    const ran = existsSync(witness)
      ? readFileSync(witness, "utf8").split("\n").filter(Boolean)
      : [];
    expect(ran.length).toBeGreaterThan(0);
    expect(new Set(ran).size).toBe(ran.length);
  });

  test("no random bytes decode to something that throws later", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          ConnectResponse.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("an agent that nobody misses", () => {
  test("gives up after the time it was told, but not while a job runs", async () => {
    const giveUpAfterMs = 200;
    let isConnected = false;
    // However long the first connection takes on a busy machine, it is not given up.
    const setTimer: AgentClock["setTimer"] = (delayMs, fire) =>
      isConnected || delayMs !== giveUpAfterMs
        ? systemClock.setTimer(delayMs, fire)
        : { cancel: () => {} };
    const options = { giveUpAfterMs, clock: { ...systemClock, setTimer } };
    const { server, agent } = await connected({}, options);
    isConnected = true;
    const witness = join(temporaryFolder(), "done");
    const job = assignment({ script: `echo up; sleep 0.6; touch ${witness}` });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) === "up\n");
    await server.stop();
    expect(await agent.ended).toMatchObject({ exitCode: exitCodes.unreported });
    expect(existsSync(witness)).toBe(true);
  });

  test("gives up when there never was a server", async () => {
    const server = await startServer();
    await server.stop();
    const agent = await start(server, { giveUpAfterMs: 150 });
    expect(await agent.ended).toEqual({
      exitCode: exitCodes.gaveUp,
      reason: "there was no server for 150 ms",
    });
  });
});
