import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { isTroupeError } from "../../../src/actors/kernel/index.ts";
import {
  decodePayload,
  encodePayload,
  storePayload,
} from "../../../src/actors/persistence/payload-codec.ts";

const leaf = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const storable = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).value;

describe("what can be stored", () => {
  it("comes back equal, and equal to the copy that live state is made of", () => {
    fc.assert(
      fc.property(storable, (value) => {
        const { value: copy, bytes } = storePayload(value, "it");
        expect(decodePayload(bytes)).toStrictEqual(copy);
        const zero = (x: unknown): unknown => (Object.is(x, -0) ? 0 : x);
        if (typeof value !== "object" || value === null) expect(copy).toStrictEqual(zero(value));
      }),
      { numRuns: 500 },
    );
  });

  it("shares nothing with the caller's value", () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const given = { list: [{ n: 1 }], at: new Date(5), bytes };
    const { value } = storePayload(given, "it");
    given.list[0] = { n: 2 };
    given.at.setTime(9);
    bytes[0] = 9;
    expect(value).toEqual({ list: [{ n: 1 }], at: new Date(5), bytes: Buffer.from([1, 2, 3]) });
  });

  it("takes objects without a prototype, and fills holes of arrays", () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(decodePayload(encodePayload({ bare }, "it"))).toEqual({ bare: { a: 1 } });
    const holes: unknown[] = [];
    holes[1] = "x";
    expect(decodePayload(encodePayload(holes, "it"))).toEqual([undefined, "x"]);
  });

  it("takes nothing at all as no bytes", () => {
    expect(encodePayload(undefined, "it")).toHaveLength(0);
    expect(decodePayload(new Uint8Array(0))).toBeUndefined();
  });
});

class Money {
  cents = 1;
}

const cycle: Record<string, unknown> = { name: "a" };
cycle["children"] = [{ parent: cycle }];
let deep: unknown = 1;
for (let level = 0; level < 200; level++) deep = [deep];

describe("bytes", () => {
  it("of the library's own writing are read alike", () => {
    const packr = new Packr({ useRecords: false });
    fc.assert(
      fc.property(storable, (value) => {
        const { value: copy } = storePayload(value, "it");
        if (copy !== undefined) expect(decodePayload(packr.pack(copy))).toStrictEqual(copy);
      }),
      { numRuns: 300 },
    );
  });

  it("that were cut off, or are nonsense, end in an error or some value: in no endless read", () => {
    fc.assert(
      fc.property(storable, fc.nat(), fc.uint8Array({ maxLength: 30 }), (value, cut, noise) => {
        const { bytes } = storePayload({ value }, "it");
        for (const damaged of [bytes.slice(0, cut % bytes.length), noise]) {
          try {
            decodePayload(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("of a text with half of a surrogate pair hold U+FFFD, in the copy too", () => {
    const given = { ["k\ud800"]: `${"x".repeat(200)}\udc00` };
    const { value, bytes } = storePayload(given, "it");
    expect(value).toEqual({ "k\ufffd": `${"x".repeat(200)}\ufffd` });
    expect(decodePayload(bytes)).toEqual(value);
  });

  it("do not mix when a getter stores something itself", () => {
    let inner: unknown;
    const given = {
      before: "a",
      get during() {
        inner = decodePayload(encodePayload({ deep: [1, "b"] }, "it"));
        return 7;
      },
      after: "c",
    };
    const { value, bytes } = storePayload(given, "it");
    expect(decodePayload(bytes)).toEqual({ before: "a", during: 7, after: "c" });
    expect([value, inner]).toEqual([{ before: "a", during: 7, after: "c" }, { deep: [1, "b"] }]);
  });

  it("are of any size", () => {
    const given = { list: Array.from({ length: 70_000 }, (_, n) => n), text: "ö".repeat(70_000) };
    const small = encodePayload("before", "it");
    expect(decodePayload(encodePayload(given, "it"))).toEqual(given);
    expect(decodePayload(small)).toBe("before");
  });
});

describe("what cannot be stored", () => {
  it.each([
    ["a function", { on: { done: () => 1 } }, "payload.on.done", "a function"],
    ["a symbol", [1, Symbol("s")], "payload[1]", "a symbol"],
    ["a symbol as a key", { a: { [Symbol("k")]: 1 } }, "payload.a", "symbol as a key"],
    ["an instance", { order: { price: new Money() } }, "payload.order.price", "instance of Money"],
    ["a Map", { "by id": new Map() }, 'payload["by id"]', "a Map"],
    ["a Set", [new Set()], "payload[0]", "a Set"],
    ["an Error", { cause: new Error("x") }, "payload.cause", "an Error"],
    ["another array of numbers", { f: new Float64Array(1) }, "payload.f", "Float64Array"],
    ["a cycle", cycle, "payload.children[0].parent", "a cycle"],
    ["too deep a nesting", deep, `payload${"[0]".repeat(100)}`, "nested deeper than 100"],
    ["a bigint of 65 bits", { n: 2n ** 64n }, "payload.n", "more than 64 bits"],
    ["an invalid date", { at: new Date(Number.NaN) }, "payload.at", "an invalid date"],
    ["a prototype as a key", JSON.parse('{"a":{"__proto__":1}}'), "payload.a", "__proto__"],
    ["a function alone", () => 1, "payload", "a function"],
  ])("is %s: the error names the place", (_, value, path, problem) => {
    try {
      encodePayload(value, 'the event "x"');
      expect.unreachable();
    } catch (error) {
      if (!isTroupeError(error, "TROUPE_PAYLOAD_INVALID")) throw error;
      expect(error.details.path).toBe(path);
      expect(error.details.problem).toContain(problem);
      expect(error.outcome).toBe("not-done");
    }
  });
});
