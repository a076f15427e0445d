/** The test of `npm run chaos`: with a fault planted in the writer, a short run must say so. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { embeddedRun } from "../chaos/embedded-run.ts";
import type { LaneOutcome } from "../chaos/lane.ts";
import { Seeded } from "../chaos/seeded.ts";

async function oneKill(fault?: string): Promise<LaneOutcome> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-chaos-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const random = new Seeded(1);
  const say = (): void => {};
  const { lane, journal, stop } = embeddedRun({
    folder,
    random,
    say,
    commandsPerSecond: 250,
    ...(fault !== undefined && { fault }),
  });
  onTestFinished(stop);
  await lane.flows();
  await lane.killBank();
  return lane.finish(journal);
}

it("finds nothing where nothing is wrong", async () => {
  const { acked, ...outcome } = await oneKill();
  // What `flows` waits for at least; a quick machine is done soon after.
  expect(acked).toBeGreaterThanOrEqual(20);
  expect(outcome).toMatchObject({ lost: 0, doubled: 0, violations: [] });
});

it("catches a writer that acknowledges before the commit", async () => {
  expect((await oneKill("early-ack")).lost).toBeGreaterThan(0);
});

it("catches a writer that takes a repeated command for a new one", async () => {
  expect((await oneKill("no-key")).doubled).toBeGreaterThan(0);
});
