/** Reliable effects under `kill -9`, on a real folder: each acknowledged one has run, and none for what was never written. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { waitUntil } from "../support/wait-until.ts";

const script = new URL("./support/effects-process.ts", import.meta.url).pathname;
const kills = Number(process.env["TROUPE_EFFECT_KILLS"] ?? 3);

class Life {
  readonly child: ChildProcess;
  stdout = "";
  #stderr = "";

  constructor(mode: "place" | "finish", dataDir: string, ledger: string) {
    const args = ["--import", "tsx", script, mode, dataDir, ledger];
    this.child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => {
      this.child.kill("SIGKILL");
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
  }

  /** Whole lines only: the last one may be half of one. */
  acknowledged(): readonly string[] {
    const lines = this.stdout.split("\n").slice(0, -1);
    return lines.flatMap((line) => (line.startsWith("done ") ? [line.slice(5)] : []));
  }

  alive(): void {
    if (this.child.exitCode !== null) throw new Error(`it ended by itself: ${this.#stderr}`);
  }

  async end(): Promise<void> {
    const [code] = (await once(this.child, "close")) as [number | null];
    if (code !== 0 && code !== null) throw new Error(this.#stderr);
  }
}

it("runs each effect until its success is in the log, whenever the process dies", async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-effects-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const dataDir = join(folder, "data");
  const ledger = join(folder, "ledger");
  writeFileSync(ledger, "");
  const seed = Date.now() % 1_000_000;
  const lengths = fc.sample(fc.integer({ min: 1, max: 400 }), { numRuns: kills, seed });
  const acknowledged = new Set<string>();
  for (const length of lengths) {
    const life = new Life("place", dataDir, ledger);
    await waitUntil(
      `${length} orders are placed`,
      () => {
        life.alive();
        return life.acknowledged().length >= length;
      },
      { deadlineMs: 60_000 },
    );
    life.child.kill("SIGKILL");
    await life.end();
    for (const key of life.acknowledged()) acknowledged.add(key);
  }
  const last = new Life("finish", dataDir, ledger);
  await last.end();
  const runs = readFileSync(ledger, "utf8").split("\n").filter(Boolean);
  const ran = new Set(runs);
  const missing = [...acknowledged].filter((key) => !ran.has(key));
  expect(missing, `acknowledged and never run, seed ${seed}`).toEqual([]);
  const placed = Number(/^placed (\d+)$/m.exec(last.stdout)?.[1]);
  expect(ran.size, `one key for each order in the log, seed ${seed}`).toBe(placed);
  // Each crash may repeat what ran at that moment, never more.
  const most = Math.max(...[...ran].map((key) => runs.filter((run) => run === key).length));
  expect(most).toBeLessThanOrEqual(kills + 1);

  const idle = new Life("finish", dataDir, ledger);
  await idle.end();
  expect(readFileSync(ledger, "utf8").split("\n").filter(Boolean)).toHaveLength(runs.length);
});
