import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c } from "../../../../../src/actors/persistence/journals/kafka/crc32c.ts";
import { encodeProduce } from "../../../../../src/actors/persistence/journals/kafka/produce-request.ts";

const require = createRequire(import.meta.url);
interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readString(): string | null;
}
const KafkajsDecoder = require("kafkajs/src/protocol/decoder.js") as new (bytes: Buffer) => Decoder;
const decodeMessages = require("kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js") as (
  decoder: Decoder,
) => Promise<readonly { offset: string; key: Buffer | null; value: Buffer }[]>;
const kafkajsCrc = require("kafkajs/src/protocol/recordBatch/crc32C/index.js") as (
  bytes: Buffer,
) => number;

test("the checksum is that of the standard, and of kafkajs, for any bytes", () => {
  expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, from) => {
      const buffer = Buffer.from(bytes);
      const start = Math.min(from, buffer.length);
      const expected = kafkajsCrc(buffer.subarray(start)) >>> 0;
      expect(crc32c(buffer, start, buffer.length)).toBe(expected);
    }),
  );
});

test("what is encoded is read back by kafkajs as it was given", async () => {
  const partition = fc.record({
    partition: fc.nat(1000),
    records: fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 200 }),
  });
  const partitions = fc.array(partition, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(partitions, fc.string(), async (given, topic) => {
      const body = encodeProduce(given, { topic, ackTimeoutMs: 1234, nowMs: 1_700_000_000_000 });
      const decoder = new KafkajsDecoder(body);
      expect([decoder.readInt16(), decoder.readInt16()]).toEqual([-1, -1]);
      expect([decoder.readInt32(), decoder.readInt32()]).toEqual([1234, 1]);
      expect(decoder.readString()).toBe(Buffer.from(topic).toString());
      expect(decoder.readInt32()).toBe(given.length);
      for (const { partition: number, records } of given) {
        expect(decoder.readInt32()).toBe(number);
        const messages = await decodeMessages(decoder);
        expect(messages.map(({ offset }) => Number(offset))).toEqual([...records.keys()]);
        expect(messages.map(({ key }) => key)).toEqual(records.map(() => null));
        expect(messages.map(({ value }) => [...value])).toEqual(records.map((one) => [...one]));
      }
    }),
    { numRuns: 50 },
  );
});
