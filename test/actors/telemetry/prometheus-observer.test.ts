import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { defineActor } from "../../../src/actors/kernel/index.ts";
import { prometheusObserver } from "../../../src/actors/telemetry/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const Worker = defineActor("worker", { initialState: () => ({}) }).commands({
  work: () => "done",
  fail: (): void => {
    throw new Error("bang");
  },
  hang: () => new Promise<void>(() => {}),
});

/** The value of one series, as a scrape shows it. */
async function scrape(registry: Registry, series: string): Promise<number> {
  const text = await registry.metrics();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  if (line === undefined) throw new Error(`no series ${series} in:\n${text}`);
  return Number(line.slice(series.length));
}

test("the kernel's figures can be scraped", async () => {
  const registry = new Registry();
  const observer = prometheusObserver({ registry });
  const limits = { handlerWarnMs: 50, mailboxMessagesMax: 10 };
  const kit = createTestKernel({ observer, limits });
  observer.watch(kit.kernel);
  const kind = '{kind="worker"}';
  const worker = kit.kernel.spawn(Worker, "a");
  const hanging = kit.kernel.spawn(Worker, "b");
  await kit.run(worker.work());
  await kit.run(worker.fail().catch(() => {}));
  hanging.tell.hang();
  await kit.settle();
  for (let i = 0; i < 12; i++) hanging.tell.work();
  await kit.advance(60);

  expect(await scrape(registry, `troupe_actors${kind}`)).toBe(2);
  expect(await scrape(registry, `troupe_actors_started_total${kind}`)).toBe(3);
  expect(await scrape(registry, `troupe_actor_messages_total${kind}`)).toBe(3);
  expect(
    await scrape(registry, `troupe_actor_handler_seconds_total${kind}`),
  ).toBeGreaterThanOrEqual(0);
  expect(await scrape(registry, `troupe_actor_failures_total${kind}`)).toBe(1);
  expect(await scrape(registry, `troupe_actor_restarts_total${kind}`)).toBe(1);
  expect(await scrape(registry, `troupe_mailbox_messages${kind}`)).toBe(10);
  expect(await scrape(registry, `troupe_mailbox_messages_longest${kind}`)).toBe(10);
  expect(await scrape(registry, `troupe_actor_stuck_total${kind}`)).toBe(1);
  expect(await scrape(registry, 'troupe_dead_letters_total{reason="mailbox-full"}')).toBe(2);

  await kit.run(kit.kernel.stop({ deadlineMs: 0 }));
  expect(await scrape(registry, `troupe_actors_stopped_total${kind}`)).toBe(2);
  expect(await scrape(registry, 'troupe_dead_letters_total{reason="stopped"}')).toBe(10);
});
