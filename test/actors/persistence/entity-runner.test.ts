import { expect, onTestFinished, test } from "vitest";
import { createKernel } from "../../../src/actors/kernel/index.ts";
import type { Entity } from "../../../src/actors/persistence/entity.ts";
import { EntityRunner } from "../../../src/actors/persistence/entity-runner.ts";

test.each([
  { turnsEach: 1, entitiesABatch: 32 },
  { turnsEach: 16, entitiesABatch: 2 },
  { turnsEach: 0, entitiesABatch: 32 },
])("a batch is bounded by its turns: $turnsEach each", ({ turnsEach, entitiesABatch }) => {
  const kernel = createKernel({ name: "runner" });
  onTestFinished(() => kernel.stop());
  const runner = new EntityRunner(kernel);
  const order: number[] = [];
  // Stands for an entity: the runner uses nothing else of one.
  const entity = (number: number): Entity =>
    ({ warmTurn: () => 0, drain: () => (order.push(number), turnsEach) }) as unknown as Entity;
  for (let number = 0; number < 70; number++) runner.add(entity(number));
  runner.giveBatch();
  expect(order).toHaveLength(entitiesABatch);
  // Asks meanwhile, and has its turns after those who asked before.
  runner.add(entity(70));
  while (order.length < 71) runner.giveBatch();
  expect(order).toEqual(Array.from({ length: 71 }, (_, number) => number));
});
