import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTroupeError, seededRandom, silentLogger } from "../../../src/actors/kernel/index.ts";
import {
  type EntityState,
  encodeBase,
  foldStored,
  initialEntityState,
} from "../../../src/actors/persistence/entity-state.ts";
import { definePersistentActor } from "../../../src/actors/persistence/index.ts";
import { encodePayload } from "../../../src/actors/persistence/payload-codec.ts";
import { ReplyWindow } from "../../../src/actors/persistence/reply-window.ts";
import type { StagedEvent, StoredEvent } from "../../../src/actors/persistence/shard-log.ts";
import { Turn } from "../../../src/actors/persistence/turn.ts";
import { TurnSubject } from "../../../src/actors/persistence/turn-subject.ts";

const Note = definePersistentActor("note", {
  initialState: () => ({ lines: [] as string[], total: 0 }),
})
  .events({
    written: (state, e: { line: string }) => ({ ...state, lines: [...state.lines, e.line] }),
    counted: {
      version: 3,
      upcast: {
        1: (old: number) => ({ by: old }),
        2: (old: { by: number }) => ({ by: old.by, why: "unknown" }),
      },
      handle: (state, e: { by: number; why: string }) => ({ ...state, total: state.total + e.by }),
    },
  })
  .effects<{ mail: { to: string } }>({ mail: () => {} })
  .timers<{ late: { n: number }; later: undefined }>({ late: () => {}, later: () => {} })
  .commands({});

const { model } = Note;
const subject = new TurnSubject(model, "a", {
  logger: silentLogger,
  observer: undefined,
  random: seededRandom(1),
});

function stored(staged: readonly StagedEvent[]): StoredEvent[] {
  return staged.map((event, index) => ({
    ...event,
    persistenceId: "note/a",
    sequenceNumber: index + 1,
    prev: -1,
  }));
}

function recovered(events: readonly StoredEvent[]): EntityState {
  let state = initialEntityState(model, "a");
  for (const event of events) state = foldStored(model, "a", state, event);
  return state;
}

function shown(state: EntityState): unknown {
  const { user, timers, effects, replies } = state;
  const keys = replies.entries().map(({ key, bytes }) => [key, Buffer.from(bytes).toString("hex")]);
  return { user, timers: [...timers], effects: [effects.count, ...effects], keys };
}

/** An object with the key `__proto__` is refused, and so is no reply. */
const answer = fc.jsonValue().filter((value) => !JSON.stringify(value).includes('"__proto__"'));

const step = fc.oneof(
  fc.record({ do: fc.constant("write" as const), line: fc.string() }),
  fc.record({ do: fc.constant("count" as const), by: fc.integer() }),
  fc.record({ do: fc.constant("start" as const), atMs: fc.nat(), n: fc.nat() }),
  fc.record({ do: fc.constant("cancel" as const) }),
  fc.record({ do: fc.constant("effect" as const), to: fc.string() }),
  fc.record({ do: fc.constant("fail" as const), dueAtMs: fc.option(fc.nat()) }),
  fc.record({ do: fc.constant("succeed" as const) }),
  fc.record({ do: fc.constant("reply" as const), key: fc.string(), value: answer }),
);

describe("the fold", () => {
  it("keeps a reply whose event's bytes are used again", () => {
    const turn = new Turn(subject, initialEntityState(model, "a"), 0);
    turn.rememberReply("key", "add", { sum: 1 });
    const before = Buffer.from(turn.state.replies.get("key")?.bytes ?? []);
    turn.written(1);
    encodePayload("x".repeat(before.length), "What comes next");
    expect(Buffer.from(turn.state.replies.get("key")?.bytes ?? [])).toEqual(before);
  });

  it("keeps of a read reply its own bytes and not the frame that they came in", () => {
    const turn = new Turn(subject, initialEntityState(model, "a"), 0);
    turn.rememberReply("key", "add", { sum: 1 });
    const [event] = stored(turn.staged);
    if (event === undefined) throw new Error("nothing was staged");
    const frame = Buffer.concat([Buffer.alloc(60_000), event.payload]);
    const [reply] = recovered([{ ...event, payload: frame.subarray(60_000) }]).replies.entries();
    expect(reply?.bytes).toEqual(turn.state.replies.get("key")?.bytes);
    expect(reply?.bytes.buffer.byteLength).toBe(event.payload.length);
  });

  it("gives the same state live and from the log, with or without a base on the way", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(30), (steps, baseAt) => {
        let live = initialEntityState(model, "a");
        const log: StagedEvent[] = [];
        for (const [index, one] of steps.entries()) {
          const turn = new Turn(subject, live, index);
          if (one.do === "write") turn.context.persist("written", { line: one.line });
          else if (one.do === "count") turn.context.persist("counted", { by: one.by, why: "x" });
          else if (one.do === "cancel") turn.context.timers.cancel("late");
          else if (one.do === "effect") turn.context.effects.run("mail", { to: one.to });
          else if (one.do === "fail" || one.do === "succeed") {
            const [first] = live.effects;
            if (first !== undefined && one.do === "succeed") turn.effectDone(first.id);
            else if (first !== undefined && one.do === "fail") {
              const attempts = first.attempts + 1;
              turn.effectRescheduled({ id: first.id, attempts, dueAtMs: one.dueAtMs, reason: "x" });
            }
          } else if (one.do === "reply") turn.rememberReply(one.key, "c", one.value);
          else turn.context.timers.start("late", { atMs: one.atMs }, { n: one.n });
          live = turn.state;
          const base = index === baseAt ? encodeBase(live, "it") : undefined;
          log.push(...turn.group(base));
        }
        expect(shown(recovered(stored(log)))).toStrictEqual(shown(live));
        const from = log.findLastIndex(({ kind }) => kind === "base");
        if (from >= 0) {
          expect(shown(recovered(stored(log.slice(from))))).toStrictEqual(shown(live));
        }
      }),
    );
  });

  it("lifts old payloads step by step", () => {
    const turn = new Turn(subject, initialEntityState(model, "a"), 0);
    turn.context.persist("counted", { by: 1, why: "new" });
    const [newest] = stored(turn.group());
    if (newest === undefined) throw new Error("nothing staged");
    expect(newest.schemaVersion).toBe(3);
    const first = { ...newest, schemaVersion: 1, payload: Uint8Array.of(5) };
    expect(recovered([first]).user).toMatchObject({ total: 5 });
    expect(recovered([newest]).user).toMatchObject({ total: 1 });
  });

  it("refuses what it cannot read, and names it", () => {
    const event: StoredEvent = {
      kind: "event",
      type: "counted",
      schemaVersion: 4,
      timeMs: 0,
      payload: Uint8Array.of(1),
      persistenceId: "note/a",
      sequenceNumber: 1,
      prev: -1,
    };
    const codeOf = (of: Partial<StoredEvent>): string | undefined => {
      try {
        recovered([{ ...event, ...of }]);
        return undefined;
      } catch (error) {
        return isTroupeError(error) ? error.code : String(error);
      }
    };
    expect(codeOf({})).toBe("TROUPE_EVENT_UNREADABLE");
    expect(codeOf({ type: "gone", schemaVersion: 1 })).toBe("TROUPE_EVENT_UNREADABLE");
    expect(codeOf({ type: "~from-the-future" })).toBe("TROUPE_EVENT_UNREADABLE");
    expect(codeOf({ kind: "base", type: "~base", schemaVersion: 2 })).toBe(
      "TROUPE_EVENT_UNREADABLE",
    );
  });

  it("hands out frozen states, all the way down", () => {
    const turn = new Turn(subject, initialEntityState(model, "a"), 0);
    turn.context.persist("written", { line: "x" });
    const state = turn.context.state as { lines: string[] };
    expect(() => state.lines.push("y")).toThrow(TypeError);
  });
});

describe("the window of replies", () => {
  it("is a queue with a bound, and every window of a history keeps its own view", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_500), { maxLength: 6 }), (lengths) => {
        let window = ReplyWindow.empty();
        const seen: [ReplyWindow, string[]][] = [];
        let model: string[] = [];
        let next = 0;
        for (const length of lengths) {
          for (let i = 0; i < length; i++) {
            const key = `k${next++}`;
            window = window.with({ key, bytes: new Uint8Array(1) });
            model = [...model.slice(-999), key];
          }
          seen.push([window, model]);
        }
        for (const [old, keys] of seen) {
          expect(old.entries().map(({ key }) => key)).toEqual(keys);
          expect(old.get(keys[0] ?? "none") === undefined).toBe(keys.length === 0);
        }
      }),
      { numRuns: 10 },
    );
  });

  it("branches without harm: two windows grown from one do not see each other", () => {
    const bytes = new Uint8Array(1);
    const one = ReplyWindow.empty().with({ key: "a", bytes });
    const left = one.with({ key: "l", bytes });
    const right = one.with({ key: "r", bytes });
    expect(left.entries().map(({ key }) => key)).toEqual(["a", "l"]);
    expect(right.entries().map(({ key }) => key)).toEqual(["a", "r"]);
    expect(left.get("r")).toBeUndefined();
    expect(one.get("l")).toBeUndefined();
    expect(ReplyWindow.empty().size).toBe(0);
  });

  it("forgets the oldest above its bytes", () => {
    let window = ReplyWindow.empty();
    for (const key of ["a", "b", "c"]) window = window.with({ key, bytes: new Uint8Array(50_000) });
    expect(window.entries().map(({ key }) => key)).toEqual(["b", "c"]);
    window = window.with({ key: "huge", bytes: new Uint8Array(300_000) });
    expect(window.entries().map(({ key }) => key)).toEqual(["huge"]);
  });
});
