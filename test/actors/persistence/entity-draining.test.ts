/** An entity over a log whose every answer is given by the test. */
import { describe, expect, it, onTestFinished } from "vitest";
import { createKernel, isTroupeError, TroupeError } from "../../../src/actors/kernel/index.ts";
import {
  type Commit,
  type DirectoryEntry,
  definePersistentActor,
  EntityHost,
  type Seat,
  type ShardLog,
  type ShardLogs,
  type StagedEvent,
  type StoredEvent,
} from "../../../src/actors/persistence/index.ts";
import { failureOf, settle } from "./entity-fixture.ts";

interface Frame {
  confirm(): void;
  lose(error: unknown): void;
}

/** Each commit is a frame of its own; `stored` is what a replay shows. */
class ScriptedLog implements ShardLog {
  readonly shard = 0;
  readonly isServing = true;
  readonly frames: Frame[] = [];
  readonly stored: StoredEvent[] = [];
  replays = 0;
  #handed = 0;

  commit(entity: string | Seat, events: readonly StagedEvent[]): Commit {
    const persistenceId = typeof entity === "string" ? entity : entity.persistenceId;
    const firstSequenceNumber = this.#handed + 1;
    this.#handed += events.length;
    // The caller's memory, which it may use again.
    const payloads = events.map(({ payload }) => Uint8Array.from(payload));
    const confirmed = new Promise<void>((resolve, reject) => {
      this.frames.push({
        confirm: () => {
          events.forEach((event, index) => {
            const sequenceNumber = firstSequenceNumber + index;
            const payload = payloads[index] as Uint8Array;
            this.stored.push({ ...event, payload, persistenceId, sequenceNumber, prev: -1 });
          });
          resolve();
        },
        lose: reject,
      });
    });
    return { firstSequenceNumber, confirmed, seat: { persistenceId, warm: () => 0 } };
  }

  barrier(): Promise<void> {
    return Promise.resolve();
  }

  lastSequenceNumberOf(): number {
    return this.#handed;
  }

  isPending(): boolean {
    return false;
  }

  entry(): DirectoryEntry | undefined {
    const sequenceNumber = this.stored.length;
    if (sequenceNumber === 0) return undefined;
    return { sequenceNumber, position: 0, from: 0, open: false, wakeAtMs: undefined };
  }

  replay: ShardLog["replay"] = (_, onEvent) => {
    this.replays++;
    for (const event of this.stored) onEvent(event);
    return Promise.resolve({ highestSequenceNumber: this.stored.length, origin: "first" });
  };

  live(): [] {
    return [];
  }

  persistenceIds(): [] {
    return [];
  }
}

const Counter = definePersistentActor("counter", { initialState: () => 0 })
  .events({ added: (state, by: number) => state + by })
  .commands({
    add: (counter, by: number) => {
      counter.persist("added", by);
      return counter.state;
    },
    get: (counter) => counter.state,
  });

function hosted(): { log: ScriptedLog; counter: InstanceType<(typeof Counter)["Handle"]> } {
  const log = new ScriptedLog();
  const logs: ShardLogs = {
    shards: 1,
    journalId: "0".repeat(32),
    shardOf: () => 0,
    open: () => Promise.resolve(log),
    onDeposed: () => () => {},
    provideBases: () => {},
    close: () => Promise.resolve(),
  };
  const kernel = createKernel({ name: "test" });
  const host = new EntityHost({ kernel, logs });
  onTestFinished(async () => {
    await host.stop({ deadlineMs: 0 });
    await kernel.stop({ deadlineMs: 0 });
  });
  return { log, counter: new Counter.Handle(host.target(Counter, "x")) };
}

const lost = () =>
  new TroupeError("TROUPE_JOURNAL_UNCERTAIN", { actor: "counter/x", reason: "test" });

describe("after a lost commit", () => {
  it("the entity reads the log only when the fate of all its commits is known", async () => {
    const { log, counter } = hosted();
    const first = counter.add(1);
    await settle();
    log.frames[0]?.confirm();
    expect(await first).toBe(1);
    const second = failureOf(counter.add(10));
    const third = counter.add(100);
    const seen = failureOf(counter.get());
    await settle();
    log.frames[1]?.lose(lost());
    expect(isTroupeError(await second, "TROUPE_JOURNAL_UNCERTAIN")).toBe(true);
    await settle();
    expect(log.replays).toBe(0);
    // The log may still confirm it: then it is in the log, and its caller hears so.
    log.frames[2]?.confirm();
    expect(await third).toBe(111);
    await settle();
    expect(log.replays).toBe(1);
    expect(isTroupeError(await seen, "TROUPE_SHARD_NOT_SERVING")).toBe(true);
    // What the log says counts, not what was in memory.
    expect(await counter.get()).toBe(101);
  });

  it("an entity that is to leave memory answers what came while it drained", async () => {
    const { log, counter } = hosted();
    const [lostCall, heldCall] = [failureOf(counter.add(1)), counter.add(10)];
    await settle();
    log.frames[0]?.lose(lost());
    await lostCall;
    const left = counter.ref.stop();
    const late = counter.get();
    log.frames[1]?.confirm();
    await heldCall;
    expect(await late).toBe(10);
    await left;
  });

  it("effects and replies leave in the order of the log, each once", async () => {
    const { log, counter } = hosted();
    const heard: number[] = [];
    const all = [1, 1, 1].map((by) => counter.add(by).then((n) => heard.push(n)));
    await settle();
    log.frames[1]?.confirm();
    log.frames[2]?.confirm();
    await settle();
    expect(heard).toEqual([]);
    log.frames[0]?.confirm();
    await Promise.all(all);
    expect(heard).toEqual([1, 2, 3]);
  });
});
