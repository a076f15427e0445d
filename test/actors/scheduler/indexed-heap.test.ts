import * as fc from "fast-check";
import { expect, test } from "vitest";
import { IndexedHeap } from "../../../src/actors/scheduler/indexed-heap.ts";

interface Item {
  readonly name: number;
  weight: number;
}

const before = (a: Item, b: Item): boolean =>
  a.weight !== b.weight ? a.weight < b.weight : a.name < b.name;

const operation = fc.oneof(
  fc.record({ type: fc.constant("add" as const), name: fc.nat(15), weight: fc.nat(9) }),
  fc.record({ type: fc.constant("change" as const), name: fc.nat(15), weight: fc.nat(9) }),
  fc.record({ type: fc.constant("remove" as const), name: fc.nat(15), weight: fc.constant(0) }),
);

test("the first item is always the smallest, whatever was added, changed and removed", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const items = Array.from({ length: 16 }, (_, name): Item => ({ name, weight: 0 }));
      const heap = new IndexedHeap<Item>(before);
      const inside = new Set<Item>();
      for (const { type, name, weight } of operations) {
        const item = items[name] as Item;
        if (type === "add" && !inside.has(item)) {
          item.weight = weight;
          heap.add(item);
          inside.add(item);
        } else if (type === "change") {
          item.weight = weight;
          heap.moved(item);
        } else if (type === "remove") {
          expect(heap.remove(item)).toBe(inside.delete(item));
        }
        const smallest = [...inside].sort((a, b) => (before(a, b) ? -1 : 1))[0];
        expect(heap.first()).toBe(smallest);
        expect(heap.size).toBe(inside.size);
        expect(heap.has(item)).toBe(inside.has(item));
      }
    }),
    { numRuns: 300 },
  );
});
