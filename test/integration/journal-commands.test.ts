/** `troupe journal …` as a person uses it, beside a server that holds the folder. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ExportedEvent } from "../../src/actors/persistence/index.ts";
import {
  runEnded,
  start,
  startServer,
  temporaryFolder,
  troupe,
  troupeJson,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const pipeline = "name: greet\njobs:\n  hello:\n    run: echo hello\n";

async function submitted(folder: string, env: Record<string, string>): Promise<string> {
  writeFileSync(join(folder, "greet.yaml"), pipeline);
  const [run] = await troupeJson<{ runId: string }>(["submit", "greet.yaml"], { cwd: folder, env });
  const runId = run?.runId ?? "";
  await runEnded(env["TROUPE_DATA"] ?? "", runId);
  return runId;
}

test("beside a running server: inspect, verify, export, replay, tail, and what is asked wrongly", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const env = { TROUPE_DATA: data };
  await startServer({ data, agents: 1 });
  const runId = await submitted(folder, env);
  const inspected = await troupe(["journal", "inspect"], { env });
  expect(inspected).toMatchObject({ code: 0, stderr: "" });
  expect(inspected.stdout).toMatch(/id [0-9a-f]{32}, 64 shards/);
  const verified = await troupe(["journal", "verify"], { env });
  expect(verified).toMatchObject({ code: 0, stderr: "" });
  expect(verified.stdout).toMatch(/^sound: 64 shards/m);

  const exported = await troupe(["journal", "export"], { env });
  const events = exported.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ExportedEvent);
  const ofRun = events.filter(({ persistenceId }) => persistenceId === `pipeline-run/${runId}`);
  expect(ofRun.map(({ sequenceNumber }) => sequenceNumber)).toEqual(ofRun.map((_, at) => at + 1));

  const id = `pipeline-run/${runId}`;
  const whole = await troupe(["journal", "replay", id], { env });
  expect(whole.code).toBe(0);
  expect(whole.stdout).toContain('state {"status":"succeeded"');
  expect(whole.stderr).toContain(`${ofRun.length} shown; the newest event of ${id}`);
  const first = await troupeJson<{ state: { status: string } }>(
    ["journal", "replay", id, "--to", "1"],
    { env },
  );
  expect(first.map(({ state }) => state.status)).toEqual(["running"]);

  const tailing = start(["journal", "tail", "--json", "--type", "runCreated"], {
    env,
  });
  // The tail stands at the end once it is ready; runs are submitted until it shows one.
  await waitUntil(
    "the tail shows a run",
    async () => {
      await submitted(folder, env);
      return tailing.stdout().includes("\n");
    },
    { deadlineMs: 60_000 },
  );
  const [line] = tailing.stdout().split("\n");
  expect(JSON.parse(line ?? "")).toMatchObject({ kind: "event", sequenceNumber: 1 });
  tailing.signal("SIGINT");
  expect(await tailing.ended()).toBe(0);

  const none = await troupe(["journal", "verify", "--data", temporaryFolder()]);
  expect(none).toMatchObject({ code: 2 });
  expect(none.stderr).toContain("there is no journal in");
  const nobody = await troupe(["journal", "replay", "account/nobody"], { env });
  expect(nobody).toMatchObject({ code: 2 });
  expect(nobody.stderr).toContain('the journal has no entity "account/nobody"');
  const place = await troupe(["journal", "tail", "--from", "17"], { env });
  expect(place).toMatchObject({ code: 2 });
  expect(place.stderr).toContain("give --shard with --from <position>");
});

test("verify ends with 1 and names file and byte of damage", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const ran = await troupe(["run", "examples/demo.yaml", "--data", data, "--quiet"]);
  expect(ran.code).toBe(0);
  const file = join(data, "journal", "0000000000000000.log");
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(9_000) ^ 4, 9_000);
  writeFileSync(file, bytes);
  const verified = await troupe(["journal", "verify", "--data", data]);
  expect(verified.code).toBe(1);
  expect(verified.stdout).toMatch(/^damaged: .*0000000000000000\.log, byte \d+ \(position \d+\)$/m);
  expect(verified.stdout).toContain("troupe journal restore");
});
