import { describe, expect, test } from "vitest";
import { type Appender, AppendLane } from "../../../src/actors/persistence/append-lane.ts";
import type {
  AppendRequest,
  AppendResult,
  Journal,
} from "../../../src/actors/persistence/journal.ts";
import { memoryJournal } from "../../../src/actors/persistence/journals/index.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";

const request = (shard: number): AppendRequest => ({
  shard,
  expected: 0,
  bytes: Buffer.from([shard]),
});

type OnResult = (index: number, result: AppendResult) => void;

/** A journal whose calls end when the test says so. */
class SlowJournal {
  readonly calls: {
    shards: number[];
    tell: OnResult;
    end: (results: AppendResult[] | Error) => void;
  }[] = [];
  readonly journal: Journal = Object.assign(memoryJournal({ shards: 8 }), {
    append: (requests: readonly AppendRequest[], onResult: OnResult = () => {}) =>
      new Promise<AppendResult[]>((resolve, reject) => {
        this.calls.push({
          shards: requests.map(({ shard }) => shard),
          tell: onResult,
          end: (results) => (results instanceof Error ? reject(results) : resolve(results)),
        });
      }),
  });

  get shards(): number[][] {
    return this.calls.map(({ shards }) => shards);
  }
}

function laneOf({ journal }: SlowJournal, appendsInFlightMax: number, clock = new ManualClock()) {
  return new AppendLane(journal, { clock, appendsInFlightMax, appendSlowMs: 200 });
}

const landed: AppendResult = { outcome: "at", at: 1, next: 2, clean: true };

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe("the lane", () => {
  test("puts what is ready in the same moment into one call", async () => {
    const slow = new SlowJournal();
    const lane = laneOf(slow, 1);
    const results = [lane.append(request(1)), lane.append(request(2))];
    await turn();
    slow.calls[0]?.end([landed, { outcome: "refused", cause: "no" }]);
    expect((await Promise.all(results)).map(({ outcome }) => outcome)).toEqual(["at", "refused"]);
    expect(slow.shards).toEqual([[1, 2]]);
  });

  test("has at most so many calls in flight; what waits shares the next one", async () => {
    const slow = new SlowJournal();
    const lane = laneOf(slow, 2);
    for (const shard of [1, 2, 3, 4]) {
      void lane.append(request(shard));
      await turn();
    }
    expect(slow.shards).toEqual([[1], [2]]);
    slow.calls[1]?.end([landed]);
    await turn();
    expect(slow.shards).toEqual([[1], [2], [3, 4]]);
  });

  test("seals a frame only when its call goes out", async () => {
    const slow = new SlowJournal();
    const lane = laneOf(slow, 1);
    void lane.append(request(1));
    await turn();
    const sealed: number[] = [];
    const appender: Appender = {
      seal: () => {
        sealed.push(slow.calls.length);
        return request(2);
      },
      settle: () => {},
    };
    lane.ready(appender);
    await turn();
    expect(sealed).toEqual([]);
    slow.calls[0]?.end([landed]);
    await turn();
    expect(sealed).toEqual([1]);
  });

  test("takes a journal that throws, or forgets an answer, for one that does not know", async () => {
    const slow = new SlowJournal();
    const lane = laneOf(slow, 1);
    const thrown = lane.append(request(1));
    await turn();
    slow.calls[0]?.end(new Error("gone"));
    expect(await thrown).toMatchObject({ outcome: "uncertain", cause: new Error("gone") });
    const forgotten = lane.append(request(2));
    await turn();
    slow.calls[1]?.end([]);
    expect(await forgotten).toMatchObject({ outcome: "uncertain" });
  });

  test("a part of the store that hangs holds up only its own shards", async () => {
    const slow = new SlowJournal();
    const lane = laneOf(slow, 1);
    const hanging = lane.append(request(1));
    const quick = lane.append(request(2));
    await turn();
    slow.calls[0]?.tell(1, landed);
    expect(await quick).toEqual(landed);
    void lane.append(request(2));
    await turn();
    expect(slow.shards).toEqual([[1, 2], [2]]);
    // What is told again with the rest counts once.
    slow.calls[0]?.end([landed, landed]);
    expect(await hanging).toEqual(landed);
  });

  test("a call without any result stops holding up the others after a while", async () => {
    const slow = new SlowJournal();
    const clock = new ManualClock();
    const lane = laneOf(slow, 1, clock);
    for (const shard of [1, 2, 3]) {
      void lane.append(request(shard));
      await turn();
    }
    clock.advance(199);
    await turn();
    expect(slow.shards).toEqual([[1]]);
    clock.advance(1);
    await turn();
    expect(slow.shards).toEqual([[1], [2, 3]]);
    void lane.append(request(4));
    await turn();
    clock.advance(200);
    await turn();
    expect(slow.shards).toEqual([[1], [2, 3], [4]]);
  });

  test("an appender that has nothing to send after all stops nobody", async () => {
    const slow = new SlowJournal();
    const lane = laneOf(slow, 1);
    lane.ready({ seal: () => undefined, settle: () => {} });
    await turn();
    void lane.append(request(1));
    await turn();
    expect(slow.shards).toEqual([[1]]);
  });
});
