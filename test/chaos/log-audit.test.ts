/** The raw reader and the verdict, on logs made by hand: each lie must be found. */
import { expect, it } from "vitest";
import { STARTS_ANEW, writeEvent } from "../../src/actors/persistence/event-codec.ts";
import { FrameWriter } from "../../src/actors/persistence/frame.ts";
import { encodePayload } from "../../src/actors/persistence/payload-codec.ts";
import type { BankCommand } from "./commands.ts";
import { type CountRule, LogAudit } from "./log-audit.ts";
import { verdictOn } from "./verdict.ts";

const journalId = "0123456789abcdef0123456789abcdef";
const identity = { journalId, shard: 0, node: "test" };

interface Written {
  readonly term: number;
  readonly seq: number;
  readonly events?: readonly [number: number, type: string, account: string, data: object][];
}

/** A claim where `seq` is 0, else a data frame. */
function frameOf({ term, seq, events = [] }: Written): Uint8Array {
  const writer = new FrameWriter(identity);
  for (const [sequenceNumber, type, account, data] of events) {
    const payload = encodePayload(data, "event");
    const event = { kind: "event", type, schemaVersion: 1, timeMs: 0, payload } as const;
    writeEvent(
      writer,
      { persistenceId: `account/${account}`, sequenceNumber, previous: STARTS_ANEW },
      event,
    );
  }
  const kind = seq === 0 ? "claim" : "data";
  const numbers = {
    kind,
    term,
    nonce: term,
    seq,
    confirmedCheckpoint: -1,
    clusterView: 0,
  } as const;
  return writer.seal(numbers);
}

function audited(log: readonly Written[], rule?: CountRule): LogAudit {
  const audit = new LogAudit(journalId, rule);
  for (const [position, written] of log.entries()) {
    audit.take(0, { position, next: position + 1, bytes: frameOf(written) });
  }
  return audit;
}

const first: Written = { term: 1, seq: 1, events: [[1, "added", "a", { key: "k1", cents: 7 }]] };
const late: Written = { term: 1, seq: 2, events: [[2, "added", "a", { key: "k2", cents: 5 }]] };
const again: Written = { term: 2, seq: 1, events: [[2, "added", "a", { key: "k2", cents: 5 }]] };
/** k2 was on its way when its writer was deposed; the next one did it, and then the late copy landed. */
const deposed = [{ term: 1, seq: 0 }, first, { term: 2, seq: 0 }, first, again, late];

const commands: readonly BankCommand[] = [
  { key: "k1", kind: "add", account: "a", cents: 7 },
  { key: "k2", kind: "add", account: "a", cents: 5 },
];
const record = {
  sent: new Map(commands.map((command) => [command.key, command])),
  acked: new Set(["k1", "k2"]),
};
const nothingWrong = { acked: 2, lost: 0, doubled: 0, violations: [] };

it("counts what the rule accepts, and names what it skips", () => {
  const audit = audited(deposed);
  expect(verdictOn(record, audit, { a: 12 })).toEqual(nothingWrong);
  expect(Object.fromEntries(audit.skipped)).toEqual({ "older-term": 2 });
});

it("catches a reader that ignores the rule", () => {
  const { doubled, violations } = verdictOn(
    record,
    audited(deposed, () => true),
    { a: 12 },
  );
  expect(doubled).toBe(2);
  expect(violations.join()).toContain("two readers of one log disagree");
});

it("catches two writers that both count", () => {
  const audit = audited([...deposed.slice(0, 5), { ...again, seq: 2 }]);
  expect(audit.violations.join()).toContain("event 2 of account/a comes after 2");
});

it("catches what was acknowledged and is not there", () => {
  expect(verdictOn(record, audited(deposed.slice(0, 2)), { a: 7 })).toMatchObject({ lost: 1 });
});

const moved = { key: "k3", kind: "move", account: "a", to: "b", cents: 4 } as const;
const debit = [3, "debited", "a", { key: "k3", to: "b", cents: 4 }] as const;
const withMove = { ...record, sent: new Map([...record.sent, ["k3", moved]]) };

it.each<[string, Written["events"], Readonly<Record<string, number>>, string]>([
  ["money that never arrives", [[...debit]], { a: 8 }, "k3 never arrived"],
  [
    "money that arrives elsewhere",
    [[...debit], [1, "credited", "c", { key: "k3", cents: 4 }]],
    { a: 8, c: 4 },
    "arrived as something else",
  ],
  [
    "money out of nothing",
    [[1, "credited", "b", { key: "k3", cents: 4 }]],
    { a: 12, b: 4 },
    "never left",
  ],
  ["what nobody sent", [[3, "added", "a", { key: "k9", cents: 1 }]], { a: 13 }, "never sent"],
  ["another amount", [[3, "added", "a", { key: "k3", cents: 1 }]], { a: 13 }, "something else"],
  ["an actor that says something else", [], { a: 11 }, "its log says 12"],
])("catches %s", (_, events = [], states, says) => {
  const log = [...deposed, { term: 2, seq: 2, events }];
  expect(verdictOn(withMove, audited(log), states).violations.join()).toContain(says);
});

it("lets a transfer pass that arrived", () => {
  const credit = [1, "credited", "b", { key: "k3", cents: 4 }] as const;
  const log = [...deposed, { term: 2, seq: 2, events: [[...debit], [...credit]] }];
  expect(verdictOn(withMove, audited(log as Written[]), { a: 8, b: 4 })).toEqual(nothingWrong);
});
