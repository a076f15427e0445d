/** Persistent actors under `kill -9`, on a real folder: no acknowledged command is lost, none counts twice. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { waitUntil } from "../support/wait-until.ts";

const script = new URL("./support/entity-process.ts", import.meta.url).pathname;
const kills = 8;

interface Shown {
  readonly count: number;
  readonly left: number;
  readonly right: number;
  readonly rings: number;
}

class Life {
  readonly child: ChildProcess;
  readonly sent = new Map<string, string>();
  readonly done = new Map<string, string>();
  repeated = false;
  stderr = "";
  #rest = "";

  constructor(dataDir: string, round: number, again: readonly string[]) {
    const args = ["--import", "tsx", script, "run", dataDir, String(round)];
    this.child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
    onTestFinished(() => {
      this.child.kill("SIGKILL");
    });
    this.child.stdin?.end(again.join("\n"));
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const [word, id = "", key = ""] = line.split(" ");
      if (word === "sent") this.sent.set(key, id);
      else if (word === "done") this.done.set(key, id);
      else this.repeated = true;
    }
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await waitUntil(what, () => {
      if (this.child.exitCode !== null) throw new Error(`it ended by itself: ${this.stderr}`);
      return condition();
    });
  }

  async kill(): Promise<void> {
    const closed = once(this.child, "close");
    this.child.kill("SIGKILL");
    await closed;
  }
}

async function show(dataDir: string): Promise<Record<string, Shown>> {
  const child = spawn(process.execPath, ["--import", "tsx", script, "show", dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  await once(child, "close");
  return JSON.parse(text) as Record<string, Shown>;
}

it("loses no acknowledged command, and counts none twice", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "troupe-kill-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 }));
  const done = new Map<string, string>();
  let unknown = new Map<string, string>();
  // Where each life is cut off, in commands it has done; the seed is in the failure's text.
  const seed = Date.now() % 1_000_000;
  const lengths = fc.sample(fc.integer({ min: 1, max: 4_000 }), { numRuns: kills, seed });
  for (const [round, length] of lengths.entries()) {
    const life = new Life(
      dataDir,
      round,
      Array.from(unknown, ([key, id]) => `${id} ${key}`),
    );
    await life.until(
      `${length} commands are done`,
      () => life.repeated && life.done.size >= length,
    );
    await life.kill();
    for (const [key, id] of life.done) done.set(key, id);
    unknown = new Map([...unknown, ...life.sent].filter(([key]) => !done.has(key)));
  }
  // The last life only repeats what is unknown; then everything is known.
  const last = new Life(
    dataDir,
    kills,
    Array.from(unknown, ([key, id]) => `${id} ${key}`),
  );
  await last.until("what was unknown is done", () => last.repeated);
  await last.kill();
  const later = await show(dataDir);
  const known = [...new Map([...done, ...last.done])];
  const inTheAir = [...last.sent].filter(([key]) => !last.done.has(key));
  for (const [id, { count, left, right, rings }] of Object.entries(later)) {
    const least = known.filter(([, of]) => of === id).length;
    const most = least + inTheAir.filter(([, of]) => of === id).length;
    expect(count, `${id}, seed ${seed}`).toBeGreaterThanOrEqual(least);
    expect(count, `${id}, seed ${seed}`).toBeLessThanOrEqual(most);
    expect([left, right], `one commit is whole in ${id}`).toEqual([count, count]);
    expect(rings, `the timer of ${id}`).toBeLessThanOrEqual(1);
  }
  expect(known.length).toBeGreaterThan(kills);
  await waitUntil("every timer has rung, once", async () =>
    Object.values(await show(dataDir)).every(({ rings }) => rings === 1),
  );
});
