/**
 * Agents that say anything at all. Whatever one of them sends can end its own session and nothing else:
 * no crash, no unhandled rejection, nothing stored twice, no other session touched, memory bounded.
 */
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  ConnectRequest,
  type ConnectResponse,
  Hello,
  JobResult,
  type Outcome,
} from "../../proto/troupe/agent/v1/agent.ts";
import { limits, silentLogger, systemClock, TroupeError } from "../../src/actors/kernel/index.ts";
import { type LogStore, LogTimesCursor } from "../../src/actors/logs/index.ts";
import { attemptId } from "../../src/actors/workers/index.ts";
import { noMeter } from "../../src/server/agent-meter.ts";
import { agentServiceDefinition } from "../../src/server/agent-service.ts";
import { type AgentCall, AgentStreamSession } from "../../src/server/agent-session.ts";
import { damaged, fuzzRuns, oddNumber, type Seed, sequences } from "../support/fuzzed-messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { agentServiceBench, identity } from "./agent-service-bench.ts";
import { ScriptedAgent } from "./scripted-agent.ts";
import { ScriptedWorkers } from "./scripted-workers.ts";

/** The first two are the agent's own, the others are not, or are none. */
const attempts = [
  { runId: "r1", job: "a", attempt: 1 },
  { runId: "r1", job: "b", attempt: 2 },
  { runId: "r1", job: "a", attempt: 9 },
  { runId: "../../etc", job: "passwd", attempt: 1 },
  { runId: "", job: "", attempt: 0 },
];
const own = attempts.slice(0, 2);

function hello(a: number): ConnectRequest["message"] {
  const holding = a % 5 === 0 ? attempts.slice(a % 4) : own;
  const value = {
    protocolVersion: a % 11 === 0 ? oddNumber(a) % 2 ** 31 : 1,
    version: "1",
    agentName: "x",
    bootId: a % 13 === 0 ? "" : "boot",
    capabilities: { os: "linux", arch: "x64", slots: a % 17 === 0 ? 0 : 2, shells: ["sh"] },
    labels: a % 19 === 0 ? { "": "x".repeat(1_000) } : {},
    holding,
    start: oddNumber(a),
    dial: a % 7,
  };
  return { $case: "hello", value: Hello.fromPartial(value) };
}

function messageOf([kind, a, b]: Seed): ConnectRequest["message"] {
  const attempt = attempts[a % attempts.length];
  switch (kind % 8) {
    case 0:
      return { $case: "heartbeat", value: { sequence: oddNumber(b), running: attempts } };
    case 1:
      return { $case: "accepted", value: { attempt } };
    case 2:
      return { $case: "started", value: { attempt, startedAtMs: oddNumber(b) } };
    case 3:
    case 4: {
      const size = b % 97 === 0 ? limits.logChunkBytesMax + 1 : b % 300;
      const offset = b % 3 === 0 ? oddNumber(a + b) : b % 600;
      return {
        $case: "log",
        value: {
          attempt,
          offset,
          data: Buffer.alloc(size, "x"),
          times: [{ offset: oddNumber(a), ageMs: oddNumber(b) }],
        },
      };
    }
    case 5: {
      const value = {
        attempt,
        outcome: (b % 12) as Outcome,
        exitCode: (b % 300) - 20,
        signal: "",
        outputs: { [String(a)]: "v" },
        reason: "",
        startedAtMs: oddNumber(a),
        durationMs: oddNumber(b),
        logBytes: b % 5 === 0 ? oddNumber(b) : 0,
      };
      return { $case: "result", value: JobResult.fromPartial(value) };
    }
    case 6:
      return a % 3 === 0 ? hello(b) : { $case: "draining", value: { reason: "x".repeat(b % 300) } };
    default:
      return undefined;
  }
}

/** What gRPC gives a session, without the network: bytes go through the service's own decoder. */
class MemoryCall extends Duplex {
  readonly written: ConnectResponse[] = [];

  constructor() {
    super({ objectMode: true });
    this.on("error", () => {});
  }

  override _read(): void {}

  override _write(message: ConnectResponse, _encoding: unknown, done: () => void): void {
    this.written.push(message);
    done();
  }

  say(bytes: Buffer): void {
    this.push(agentServiceDefinition.connect.requestDeserialize(bytes));
  }
}

/** A log in memory, with the refusals of a real store. */
class MemoryLogs implements LogStore {
  readonly lengths = new Map<string, number>();

  async append(key: (typeof attempts)[0], offset: number, data: Uint8Array): Promise<number> {
    const id = attemptId(key);
    const end = this.lengths.get(id) ?? 0;
    if (offset > end) {
      const gap = { log: id, expectedOffset: end, gotOffset: offset };
      throw new TroupeError("TROUPE_LOG_GAP", gap);
    }
    this.lengths.set(id, Math.max(end, offset + data.byteLength));
    return this.lengths.get(id) ?? 0;
  }

  async end(key: (typeof attempts)[0]): Promise<number> {
    return this.lengths.get(attemptId(key)) ?? 0;
  }

  async read(): Promise<Uint8Array> {
    return Buffer.alloc(0);
  }

  times = () => new LogTimesCursor(async () => Buffer.alloc(0));
  async seal(): Promise<void> {}
  async *follow(): AsyncGenerator<never> {}
  async *stored(): AsyncGenerator<never> {}
  async close(): Promise<void> {}
}

it("any messages in any order", async () => {
  await fc.assert(
    fc.asyncProperty(sequences, async (seeds) => {
      const call = new MemoryCall();
      const [workers, logs] = [new ScriptedWorkers(), new MemoryLogs()];
      const session = new AgentStreamSession(
        call as unknown as AgentCall,
        { workerId: "w", agentName: "x", labels: {} },
        {
          workers,
          logs,
          meter: noMeter,
          clock: systemClock,
          logger: silentLogger,
          terms: {
            serverVersion: "1",
            leaseMs: 1,
            leaseGraceMs: 1,
            heartbeatIntervalMs: 1,
            logFlushMs: 1,
          },
          greeted: () => true,
          stray: () => {},
        },
      );
      const served = session.serve();
      const [first = [0, 0, 0, 0] as Seed] = seeds;
      // Most begin well, so that they get far.
      if (first[0] % 8 !== 0)
        call.say(Buffer.from(ConnectRequest.encode({ message: hello(1) }).finish()));
      for (const seed of seeds) {
        call.say(damaged(ConnectRequest.encode({ message: messageOf(seed) }).finish(), seed));
        if (seed[3] % 8 === 7) await turn();
      }
      call.push(null);
      await served;
      const [connection, ...more] = workers.connections;
      expect(more).toEqual([]);
      if (connection !== undefined) expect(connection.closedBecause).toBeDefined();
      const finished = connection?.results.length ?? 0;
      const held = connection?.hello.holding.map(attemptId) ?? [];
      expect(finished).toBeLessThanOrEqual(held.length);
      for (const id of logs.lengths.keys()) expect(held).toContain(id);
      // At most one answer for each message, one end of log for each attempt, and the greeting.
      expect(call.written.length).toBeLessThanOrEqual(seeds.length * 2 + held.length + 2);
    }),
    { numRuns: fuzzRuns },
  );
}, 600_000);

it("garbage on real sockets touches no other session", async () => {
  const { address, workers } = await agentServiceBench();
  const good = await ScriptedAgent.welcomed(address, identity);
  const { session } = workers.latest;
  session.assign({
    attempt: { runId: "r1", job: "good", attempt: 1 },
    pipeline: "p",
    script: "true",
    shell: "sh",
    env: {},
    secrets: {},
    outputs: [],
    killGraceMs: 0,
    onDisconnect: "continue",
  });
  await good.next("assignment");
  const seeds = fc.sample(sequences, 60);
  await Promise.all(
    seeds.map(async (sequence, index) => {
      const enemy = new ScriptedAgent(address, { agentId: `enemy-${index}`, credential: "secret" });
      if (index % 2 === 0) enemy.hello();
      for (const seed of sequence) {
        enemy.sendBytes(
          damaged(ConnectRequest.encode({ message: messageOf(seed) }).finish(), seed),
        );
      }
      enemy.leave();
      await enemy.end();
    }),
  );
  good.log({ runId: "r1", job: "good", attempt: 1 }, 0, "still here\n");
  await waitUntil("its log is stored", () =>
    good.all("logAck").some(({ offset }) => offset === "still here\n".length),
  );
  expect(good.ended).toBeUndefined();
});
