import { describe, expect, test } from "vitest";
import { faultJournal, memoryJournal } from "../../../src/actors/persistence/journals/index.ts";
import type { ViewSource } from "../../../src/actors/persistence/shard-context.ts";
import type { ShardLog } from "../../../src/actors/persistence/shard-log.ts";
import type { NodeShardLogs } from "../../../src/actors/persistence/shard-logs.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { codeOf, event, linesOf, quickLogs } from "./shard-fixture.ts";

/** A view that a test moves by hand. */
class MovableView {
  number = 1;
  owner = "a";
  reads = 0;
  readonly #listeners = new Set<() => void>();

  of(node: string): ViewSource {
    return {
      current: async () => {
        this.reads += 1;
        const { number, owner } = this;
        return { number, owns: () => owner === node };
      },
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  moveTo(owner: string): void {
    this.number += 1;
    this.owner = owner;
    for (const listener of this.#listeners) listener();
  }
}

describe("who may claim", () => {
  test("a node that the view does not name does not even write", async () => {
    const journal = memoryJournal({ shards: 1 });
    const view = new MovableView();
    expect(await codeOf(quickLogs(journal, { views: view.of("b") }).open(0))).toBe(
      "TROUPE_SHARD_NOT_SERVING",
    );
    expect(await linesOf(journal)).toEqual([]);
  });

  test("the view is read before the claim and again before the shard is served", async () => {
    const journal = memoryJournal({ shards: 1 });
    const view = new MovableView();
    const logs = quickLogs(journal, {
      views: {
        current: async () => {
          view.reads += 1;
          const reads = view.reads;
          return { number: reads, owns: () => reads !== 2 };
        },
      },
    });
    expect(await codeOf(logs.open(0))).toBe("TROUPE_SHARD_NOT_SERVING");
    expect(await linesOf(journal)).toEqual(["claim 1 0"]);
    await logs.open(0);
    expect(await linesOf(journal)).toEqual(["claim 1 0", "claim 2 0"]);
  });

  test("a view that cannot be read is no view: nothing is claimed until it can", async () => {
    const journal = memoryJournal({ shards: 1 });
    let failures = 3;
    const logs = quickLogs(journal, {
      views: {
        current: async () => {
          if (failures-- > 0) throw new Error("no answer");
          return { number: 1, owns: () => true };
        },
      },
    });
    await logs.open(0);
    expect(await linesOf(journal)).toEqual(["claim 1 0"]);
  });

  test("callers wait at most shardOpenTimeoutMs, and are told why", async () => {
    const journal = memoryJournal({ shards: 1 });
    const views: ViewSource = { current: () => Promise.reject(new Error("no answer")) };
    const logs = quickLogs(journal, { views, options: { shardOpenTimeoutMs: 30 } });
    await expect(logs.open(0)).rejects.toMatchObject({
      code: "TROUPE_SHARD_NOT_SERVING",
      cause: expect.objectContaining({ message: "no answer" }),
    });
    await logs.close();
  });

  test("a journal that confirms nothing for long is no rival: the shard serves as soon as it answers", async () => {
    const journal = faultJournal(memoryJournal({ shards: 1 }));
    const stalled: unknown[] = [];
    const logs = quickLogs(journal, { observer: { stalled: (shard) => stalled.push(shard) } });
    journal.next(...Array.from({ length: 40 }, () => "dropped" as const));
    const log = await logs.open(0);
    await log.commit("a", [event()]).confirmed;
    expect(stalled).toEqual([]);
  });

  test("all callers get the one owner", async () => {
    const logs = quickLogs(memoryJournal({ shards: 1 }));
    const [first, second] = await Promise.all([logs.open(0), logs.open(0)]);
    expect(first).toBe(second);
    expect(await logs.open(0)).toBe(first);
  });
});

describe("a lost claim", () => {
  test("is claimed again by itself when the view still names this node", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal);
    const log = await logs.open(0);
    const deposed: string[] = [];
    logs.onDeposed((shard, error) => deposed.push(`${shard} ${(error as { code: string }).code}`));
    await quickLogs(journal, { node: "intruder" }).open(0);
    expect(await codeOf(log.barrier())).toBe("TROUPE_SHARD_DEPOSED");
    const next = await logs.open(0);
    await next.commit("a", [event()]).confirmed;
    expect(deposed).toEqual(["0 TROUPE_SHARD_DEPOSED"]);
    expect(await linesOf(journal)).toEqual([
      "claim 1 0",
      "claim 2 0",
      "data 1 1",
      "claim 3 0",
      "data 3 1 a:1",
    ]);
  });

  test("is let go when the view has moved on", async () => {
    const journal = memoryJournal({ shards: 1 });
    const view = new MovableView();
    const a = quickLogs(journal, { node: "a", views: view.of("a") });
    const b = quickLogs(journal, { node: "b", views: view.of("b") });
    const log = await a.open(0);
    view.moveTo("b");
    await b.open(0);
    expect(await codeOf(log.barrier())).toBe("TROUPE_SHARD_DEPOSED");
    expect(await codeOf(a.open(0))).toBe("TROUPE_SHARD_NOT_SERVING");
    expect(await linesOf(journal)).toEqual(["claim 1 0", "claim 2 0", "data 1 1"]);
  });

  test("two that depose each other end in one that serves and one that says it is stalled", async () => {
    const journal = memoryJournal({ shards: 1 });
    const stalled: string[] = [];
    const nodes = ["a", "b"].map((node) =>
      quickLogs(journal, { node, observer: { stalled: () => stalled.push(node) } }),
    );
    const writers = nodes.map((logs) => writeUntilStalled(logs));
    const winner = await Promise.race(writers);
    expect(winner).toBe("stalled");
    expect(stalled).toHaveLength(1);
    const other = nodes[stalled[0] === "a" ? 1 : 0] as NodeShardLogs;
    await (await other.open(0)).commit("x", [event()]).confirmed;
    const claims = (await linesOf(journal)).filter((line) => line.startsWith("claim"));
    expect(claims.length).toBeLessThanOrEqual(10);
    await Promise.all(nodes.map((logs) => logs.close()));
  });

  test("a stalled shard tries again as soon as the view changes", async () => {
    const journal = memoryJournal({ shards: 1 });
    const view = new MovableView();
    const logs = quickLogs(journal, { views: view.of("a"), options: { reclaimsMax: 0 } });
    const log = await logs.open(0);
    await quickLogs(journal, { node: "intruder" }).open(0);
    await log.barrier().catch(() => {});
    await waitUntil(
      "it stalls",
      async () => (await codeOf(logs.open(0))) === "TROUPE_SHARD_STALLED",
    );
    view.moveTo("a");
    await (await logs.open(0)).barrier();
  });
});

test("a shard that is released is flushed, and can be opened here or elsewhere again", async () => {
  const journal = memoryJournal({ shards: 1 });
  const logs = quickLogs(journal);
  const log = await logs.open(0);
  const commit = log.commit("a", [event()]);
  await logs.release(0);
  await commit.confirmed;
  expect(await codeOf(() => log.commit("a", [event()]))).toBe("TROUPE_SHARD_NOT_SERVING");
  const elsewhere = await quickLogs(journal, { node: "b" }).open(0);
  expect(elsewhere.entry("a")?.sequenceNumber).toBe(1);
  await logs.open(0);
});

async function writeUntilStalled(logs: NodeShardLogs): Promise<string> {
  for (;;) {
    let log: ShardLog;
    try {
      log = await logs.open(0);
    } catch {
      return "stalled";
    }
    await log.commit("a", [event()]).confirmed.catch(() => {});
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
