/**
 * A server that says anything at all, to a whole session of an agent: nothing makes it throw, no attempt
 * starts twice, no more run than there are slots, and what it remembers is bounded.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ConnectResponse, OnDisconnect, Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { silentLog } from "../../src/agent/agent-log.ts";
import { attemptKey } from "../../src/agent/attempt.ts";
import type { Connection, ConnectionListener } from "../../src/agent/connection.ts";
import type { Executor, JobEnd, JobListener } from "../../src/agent/executor.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { Session } from "../../src/agent/session.ts";
import type { FromServer } from "../../src/agent/session-messages.ts";
import { damaged, fuzzRuns, oddNumber, type Seed, sequences } from "../support/fuzzed-messages.ts";
import { assignment, welcome } from "./support/fake-server.ts";
import { temporaryFolder } from "./support/folder.ts";
import { ManualClock } from "./support/manual-clock.ts";

const slots = 2;
const refOf = (seed: number) => ({
  runId: seed % 9 === 0 ? "" : "r",
  job: "abcdefgh"[seed % 8] ?? "",
  attempt: seed % 7,
});

function messageOf([kind, a, b]: Seed): FromServer {
  const attempt = refOf(a);
  switch (kind % 10) {
    case 0:
      return {
        $case: "welcome",
        value: welcome({ disowned: [refOf(b)], leaseMs: oddNumber(b) % 2 ** 32 }),
      };
    case 1:
    case 2:
    case 3: {
      const onDisconnect = (b % 4) as OnDisconnect;
      return { $case: "assignment", value: assignment({ attempt, onDisconnect }) };
    }
    case 4:
      return { $case: "cancel", value: { attempt, reason: "x", graceMs: oddNumber(b) } };
    case 5:
      return { $case: "resultAck", value: { attempt, recorded: b % 2 === 0, reason: "" } };
    case 6:
      return { $case: "logAck", value: { attempt, offset: oddNumber(b) } };
    case 7:
      return { $case: "heartbeatAck", value: { sequence: oddNumber(b) } };
    case 8:
      return b % 50 === 0
        ? { $case: "refused", value: { code: "x", reason: "y", permanent: a % 2 === 0 } }
        : undefined;
    default:
      return b % 50 === 0 ? { $case: "drain", value: { reason: "x" } } : undefined;
  }
}

/** Jobs that end when they are told to. */
class ToldExecutor implements Executor {
  readonly started: string[] = [];
  readonly running = new Map<string, JobListener>();
  runningMax = 0;

  start({ attempt }: Parameters<Executor["start"]>[0], listener: JobListener) {
    const key = attemptKey(attempt as never);
    this.started.push(key);
    this.running.set(key, listener);
    this.runningMax = Math.max(this.runningMax, this.running.size);
    return { cancel: () => {}, setOutputBlocked: () => {}, remove: async () => {} };
  }

  endOne(a: number): void {
    const [key, listener] = [...this.running][a % Math.max(1, this.running.size)] ?? [];
    if (key === undefined || listener === undefined) return;
    this.running.delete(key);
    const end: Omit<JobEnd, "usage"> = {
      outcome: Outcome.SUCCEEDED,
      exitCode: 0,
      signal: "",
      outputs: {},
      reason: "",
      startedAtMs: 1,
      durationMs: 1,
      artifacts: undefined,
      summary: undefined,
      commit: "",
    };
    listener.output(Buffer.from("bye\n"));
    listener.ended(end as JobEnd);
  }

  async close(): Promise<void> {}
}

/** undefined: gRPC ends the stream for such bytes, and they never reach the session. */
function decoded(bytes: Buffer): ConnectResponse | undefined {
  try {
    return ConnectResponse.decode(bytes);
  } catch {
    return undefined;
  }
}

test("any messages in any order", async () => {
  const workFolder = temporaryFolder();
  await fc.assert(
    fc.asyncProperty(sequences, async (seeds) => {
      const clock = new ManualClock();
      const executor = new ToldExecutor();
      let listener: ConnectionListener | undefined;
      let sent = 0;
      let isCut = false;
      const connection: Partial<Connection> = {
        start: () => {},
        opened: () => {},
        close: () => {},
        cut: () => {
          isCut = true;
        },
        send: () => {
          sent++;
        },
      };
      Object.defineProperty(connection, "writable", { value: true });
      const session = new Session({
        agentName: "x",
        version: "1",
        bootId: "b",
        startNumber: 1,
        capabilities: { slots } as never,
        labels: {},
        executor,
        workFolder,
        ended: [],
        clock,
        log: silentLog,
        giveUpAfterMs: Number.POSITIVE_INFINITY,
        connect: (of) => {
          listener = of;
          return connection as Connection;
        },
      });
      listener?.dialled();
      if ((seeds[0]?.[0] ?? 0) % 8 !== 0) {
        listener?.received({ $case: "welcome", value: welcome() });
      }
      for (const seed of seeds) {
        const message = { message: messageOf(seed) };
        const bytes = damaged(ConnectResponse.encode(message).finish(), seed);
        const read = decoded(bytes);
        if (read === undefined) isCut = true;
        else listener?.received(read.message);
        if (isCut) {
          listener?.lost();
          listener?.dialled();
          isCut = false;
        }
        if (seed[2] % 3 === 0) executor.endOne(seed[1]);
        if (seed[3] % 8 === 1) clock.advance(seed[1] % 20_000);
      }
      // Attempts that are over are remembered, so nothing starts twice.
      expect(new Set(executor.started).size).toBe(executor.started.length);
      expect(executor.runningMax).toBeLessThanOrEqual(slots);
      expect(session.heldCount).toBeLessThanOrEqual(slots + agentLimits.unacknowledgedMax);
      expect(sent).toBeLessThan(100_000);
      await session.close();
    }),
    { numRuns: fuzzRuns },
  );
}, 600_000);
