import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { systemClock } from "../../src/agent/clock.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { packArchive } from "../../src/agent/pack-archive.ts";
import { type BlobLink, TransferRefusedError, Transfers } from "../../src/agent/transfers.ts";
import { unpackArchive } from "../../src/agent/unpack-archive.ts";
import { temporaryFolder } from "./support/folder.ts";
import { runJob, startJob } from "./support/job.ts";

/** A store in memory. The first `failures` tries of anything are cut off in the middle. */
function memoryStore(failures = 0) {
  const files = new Map<string, Buffer>();
  let left = failures;
  const fails = (): boolean => left-- > 0;
  const link: BlobLink = {
    async put({ sha256 }, bytesFrom) {
      const pieces: Uint8Array[] = [];
      for await (const piece of bytesFrom(0)) {
        if (fails()) throw new Error("cut");
        pieces.push(piece);
      }
      files.set(sha256, Buffer.concat(pieces));
      return true;
    },
    async *get({ sha256, offset }) {
      const file = files.get(sha256);
      if (file === undefined) throw new TransferRefusedError("no such file");
      const half = Math.ceil((file.length - offset) / 2);
      yield file.subarray(offset, offset + half);
      if (fails()) throw new Error("cut");
      yield file.subarray(offset + half);
    },
    findCache: async () => undefined,
  };
  const transfers = new Transfers({ link: () => link, clock: systemClock, random: () => 0 });
  return { files, transfers };
}

async function stored(
  store: ReturnType<typeof memoryStore>,
  names: Readonly<Record<string, string>>,
) {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(names)) writeFileSync(join(folder, name), text);
  const file = join(temporaryFolder(), "archive.tgz");
  const { sha256, bytes } = await packArchive({ folder, paths: Object.keys(names), file });
  store.files.set(sha256, readFileSync(file));
  return { sha256, bytes, what: "the artifacts of build" };
}

describe("files of a job", () => {
  test("inputs are there before the script, in their order, however often the network is cut", async () => {
    const store = memoryStore(3);
    const inputs = [
      await stored(store, { a: "first", b: "first" }),
      await stored(store, { b: "second" }),
    ];
    const job = await runJob({ script: "cat a b; ls -A | wc -l", inputs }, store);
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED, log: "firstsecond2\n" });
  });

  test("artifacts and the summary are stored before the end is told", async () => {
    const store = memoryStore(2);
    const script = 'mkdir out; echo made >out/x; echo "# Done" >>"$TROUPE_STEP_SUMMARY"';
    const job = await runJob({ script, artifacts: ["out"] }, store);
    expect(job.outcome).toBe(Outcome.SUCCEEDED);
    const { artifacts, summary } = job;
    const file = join(temporaryFolder(), "archive.tgz");
    writeFileSync(file, store.files.get(artifacts?.sha256 ?? "") ?? "");
    const folder = temporaryFolder();
    await unpackArchive(file, folder);
    expect(readFileSync(join(folder, "out/x"), "utf8")).toBe("made\n");
    expect(store.files.get(summary?.sha256 ?? "")?.toString()).toBe("# Done\n");
    expect(summary?.bytes).toBe(7);
  });

  test("a job that failed leaves them too; its reason stays its own", async () => {
    const store = memoryStore();
    const job = await runJob({ script: "echo report >r; exit 3", artifacts: ["r"] }, store);
    expect(job).toMatchObject({ outcome: Outcome.FAILED, reason: "exit code 3" });
    expect(store.files.has(job.artifacts?.sha256 ?? "")).toBe(true);
  });

  test("what is not there fails a job that went well, and is a remark for one that failed", async () => {
    const missing = { artifacts: ["out"] };
    const job = await runJob({ ...missing, script: "true" }, memoryStore());
    const words = 'its artifacts cannot be kept: "out" is not there';
    expect(job).toMatchObject({ outcome: Outcome.FAILED, exitCode: 0, reason: words });
    const failed = await runJob({ ...missing, script: "exit 1" }, memoryStore());
    expect(failed).toMatchObject({ reason: "exit code 1" });
    expect(failed.log).toContain(words);
  });

  test("a file that is not what was promised, or an archive that means ill, never reaches the script", async () => {
    const store = memoryStore();
    const bad = Buffer.from("no archive at all");
    const sha256 = createHash("sha256").update(bad).digest("hex");
    store.files.set(sha256, bad);
    const inputs = [{ sha256, bytes: bad.length, what: "the artifacts of build" }];
    const job = await runJob({ script: "echo ran", inputs }, store);
    expect(job.outcome).toBe(Outcome.ERROR);
    expect(job.reason).toContain("the artifacts of build cannot be used");
    const unknown = [{ sha256: "0".repeat(64), bytes: 9, what: "the uploaded workspace" }];
    const refused = await runJob({ script: "echo ran", inputs: unknown }, store);
    expect(refused.reason).toBe("the uploaded workspace cannot be used: no such file");
    expect(refused.log).toBe("");
  });

  test("a cancel ends a job that waits for its files", async () => {
    const transfers = new Transfers({ link: () => undefined, clock: systemClock, random: () => 1 });
    const inputs = [{ sha256: "0".repeat(64), bytes: 9, what: "the uploaded workspace" }];
    const job = startJob({ script: "echo ran", inputs }, { transfers });
    job.running.cancel("superseded", 100);
    expect(await job.end).toMatchObject({ outcome: Outcome.CANCELLED, startedAtMs: 0 });
    const leaving = startJob({ script: "echo up >f", artifacts: ["f"] }, { transfers });
    const { end, running } = leaving;
    void Promise.resolve().then(() => running.cancel("superseded", 60_000));
    expect(await end).toMatchObject({ outcome: Outcome.CANCELLED });
  });

  test("a summary is bounded, holds no secret, and is no link", async () => {
    const most = agentLimits.summaryBytesMax;
    const long = await runJob(
      {
        shell: "node",
        script: `require("fs").writeFileSync(process.env.TROUPE_STEP_SUMMARY, ("x".repeat(99) + "\\n").repeat(${most / 50}))`,
      },
      memoryStore(),
    );
    expect(long.summary?.bytes).toBeLessThan(most + 200);
    expect(long.log).toContain(`what is beyond ${most} is left out`);
    const secrets = { TOKEN: "c4n4ry-value" };
    const leak = { script: 'echo "it is $TOKEN" >"$TROUPE_STEP_SUMMARY"', secrets };
    const leaked = await runJob(leak, memoryStore());
    expect(leaked.summary).toBeUndefined();
    expect(leaked.log).toContain("the summary holds the value of a secret");
    const link = 'rm "$TROUPE_STEP_SUMMARY"; ln -s /etc/passwd "$TROUPE_STEP_SUMMARY"';
    const linked = await runJob({ script: link }, memoryStore());
    expect(linked.summary).toBeUndefined();
  });

  test.each(["sh", "bash", "node", "python"])(
    "standard input reaches a script of %s, after its secrets",
    async (shell) => {
      const scripts: Record<string, string> = {
        node: 'const [line, ...rest] = require("fs").readFileSync(0, "utf8").split("\\n"); console.log(JSON.parse(line).KEY.length, rest.join("|"))',
        python:
          "import sys, json\nprint(len(json.loads(sys.stdin.readline())['KEY']), '|'.join(sys.stdin.read().split('\\n')))",
      };
      const script = scripts[shell] ?? 'echo "${#KEY} $(tr "\\n" "|")"';
      const job = await runJob({ shell, script, secrets: { KEY: "12345" }, stdin: "one\ntwo" });
      expect(job.log).toBe("5 one|two\n");
      const bare =
        shell === "sh" ? await runJob({ script: "cat", stdin: "only\n" }) : { log: "only\n" };
      expect(bare.log).toBe("only\n");
    },
  );
});
