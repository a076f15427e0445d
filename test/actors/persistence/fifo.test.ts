import fc from "fast-check";
import { expect, it } from "vitest";
import { Fifo } from "../../../src/actors/persistence/fifo.ts";

it("is a queue, whatever comes and goes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -90, max: 100 }), { maxLength: 60 }), (steps) => {
      const fifo = new Fifo<number>();
      const expected: number[] = [];
      let next = 0;
      for (const step of steps) {
        for (let n = 0; n < step; n++) {
          fifo.push(next);
          expected.push(next++);
        }
        for (let n = 0; n > step; n--) expect(fifo.shift()).toBe(expected.shift());
        expect([...fifo]).toEqual(expected);
        expect([fifo.length, fifo.first]).toEqual([expected.length, expected[0]]);
      }
    }),
  );
});
