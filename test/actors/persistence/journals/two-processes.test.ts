/** Real processes on one data folder, and `kill -9`: nothing confirmed is lost or doubled. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Position } from "../../../../src/actors/persistence/journal.ts";
import { openEmbeddedJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { textOf } from "./journal-work.ts";

const program = fileURLToPath(new URL("journal-process.ts", import.meta.url));
const segmentBytes = 60_000;

interface Confirmed {
  readonly shard: number;
  readonly at: Position;
}

let directory: string;
const confirmed = new Map<string, Confirmed>();
const running = new Set<ChildProcess>();

class Appender {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  acks = 0;

  constructor(name: string) {
    const args = ["--import", "tsx", program, directory, name, String(segmentBytes)];
    this.#child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    running.add(this.#child);
    const lines = createInterface({ input: this.#child.stdout ?? process.stdin });
    lines.on("line", (line) => this.#take(line));
    this.#ended = Promise.all([
      new Promise((resolve) => this.#child.once("exit", resolve)),
      new Promise((resolve) => lines.once("close", resolve)),
    ]);
  }

  #take(line: string): void {
    const match = /^ack (\d+) (\d+) (.+)$/.exec(line);
    if (match === null) return;
    confirmed.set(String(match[3]), { shard: Number(match[1]), at: Number(match[2]) });
    this.acks++;
  }

  acked(count: number): Promise<unknown> {
    const target = this.acks + count;
    return waitUntil(`${count} more appends are confirmed`, () => this.acks >= target);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
    expect(this.#child.exitCode).toBe(0);
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "troupe-journal-"));
  confirmed.clear();
});

afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
  await rm(directory, { recursive: true, force: true });
});

test("two processes that append at once, killed and started again, lose and double nothing", async () => {
  let [one, other] = [new Appender("a0"), new Appender("b0")];
  for (let round = 1; round <= 3; round++) {
    await Promise.all([one.acked(150), other.acked(150)]);
    await one.kill();
    await other.acked(50);
    one = new Appender(`a${round}`);
    await one.acked(50);
    await other.kill();
    other = new Appender(`b${round}`);
  }
  await Promise.all([one.acked(50), other.acked(50)]);
  await Promise.all([one.end(), other.end()]);

  const journal = await openEmbeddedJournal({ directory, readOnly: true });
  const found = new Map<string, Confirmed>();
  for (let shard = 0; shard < 8; shard++) {
    for (let position = 0; ; ) {
      const page = await journal.read(shard, position, 1 << 20);
      if (page.records.length === 0) break;
      for (const record of page.records) {
        expect(found.has(textOf(record)), `${textOf(record)} twice`).toBe(false);
        found.set(textOf(record), { shard, at: record.position });
      }
      position = page.next;
    }
  }
  await journal.close();
  expect(confirmed.size).toBeGreaterThan(1000);
  for (const [text, place] of confirmed) expect(found.get(text), text).toEqual(place);
});
