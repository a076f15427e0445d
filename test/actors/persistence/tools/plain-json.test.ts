import fc from "fast-check";
import { expect, test } from "vitest";
import { decodePayload, encodePayload } from "../../../../src/actors/persistence/payload-codec.ts";
import {
  type Json,
  plainJson,
  valueOfPlainJson,
} from "../../../../src/actors/persistence/tools/plain-json.ts";

test("bytes, dates, bigints and what looks like them stay apart", () => {
  const value = {
    bytes: Buffer.from("é"),
    date: new Date(0),
    big: 2n ** 60n,
    nan: Number.NaN,
    text: "AAAA",
    looks: { $bytes: "AAAA" },
    money: { $: 5, cents: 1 },
    none: undefined,
  };
  expect(plainJson(value)).toEqual({
    bytes: { $bytes: "w6k=" },
    date: { $date: "1970-01-01T00:00:00.000Z" },
    big: { $bigint: "1152921504606846976" },
    nan: { $number: "NaN" },
    text: "AAAA",
    looks: { $object: { $bytes: "AAAA" } },
    money: { $: 5, cents: 1 },
    none: { $undefined: true },
  });
});

test("property: any payload comes back from its JSON text", () => {
  const key = fc.oneof(
    fc.constantFrom("$bytes", "$date", "$object", "$undefined", "$x", "a"),
    fc.string(),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        key.filter((name) => name !== "__proto__"),
        tie("value"),
        { maxKeys: 3 },
      ),
    ),
  }));
  fc.assert(
    fc.property(value, (given) => {
      const stored = decodePayload(encodePayload(given, "p"));
      const text = JSON.stringify(plainJson(stored));
      expect(valueOfPlainJson(JSON.parse(text) as Json)).toEqual(stored);
    }),
  );
});
