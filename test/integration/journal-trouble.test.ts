/** What the journal commands say and return when a journal, a file or standard output is not as it should be. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { journalFiles } from "../actors/persistence/tools/journal-files.ts";
import { start, startServer, temporaryFolder, troupe } from "../support/troupe-process.ts";

/** A data folder with a journal of several files. */
async function dataFolder(): Promise<{ data: string; files: string[] }> {
  const data = join(temporaryFolder(), "data");
  return { data, files: await journalFiles(join(data, "journal")) };
}

test("where the oldest file is missing, inspect, export and tail end with 1", async () => {
  const { data, files } = await dataFolder();
  rmSync(files[0] as string);
  const inspected = await troupe(["journal", "inspect", "--data", data]);
  expect(inspected).toMatchObject({ code: 1 });
  expect(inspected.stdout).toContain("EVENTS ARE MISSING");
  expect(await troupe(["journal", "inspect", "--json", "--data", data])).toMatchObject({ code: 1 });
  for (const command of [["export"], ["tail", "--from", "start"]]) {
    const { code, stdout, stderr } = await troupe(["journal", ...command, "--data", data]);
    expect({ code, stdout }, command[0]).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("a frame whose owner's claim is missing");
  }
});

/** The command's standard output goes where the shell says, such as `| head -1`. */
function troupeInShell(args: string, whereTo: string): { code: number; stderr: string } {
  const command = `"${process.execPath}" dist/src/cli/main.js ${args}`;
  const script = `set -o pipefail; ${command} ${whereTo}`;
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stderr } = spawnSync("bash", ["-c", script], { env, encoding: "utf8" });
  return { code: status ?? -1, stderr };
}

test("a reader that goes away ends a command quietly", async () => {
  const { data } = await dataFolder();
  for (const args of ["inspect --frames", "inspect --frames --json", "inspect", "export"]) {
    // It is gone before the first byte comes.
    const { code, stderr } = troupeInShell(`journal ${args} --data ${data}`, "| true");
    expect({ code, stderr }, args).toEqual({ code: 0, stderr: "" });
  }
  const replayed = troupeInShell(`journal replay a/1 --json --data ${data}`, "| true");
  expect(replayed.code).toBe(0);
  expect(replayed.stderr).not.toMatch(/^ +at /m);
});

test("standard output that cannot be written is said, and is a failure", async () => {
  const { data } = await dataFolder();
  for (const args of ["verify", "verify --json", "inspect", "inspect --frames", "export"]) {
    const { code, stderr } = troupeInShell(`journal ${args} --data ${data}`, "> /dev/full");
    expect({ code, lines: stderr.trimEnd().split("\n") }, args).toEqual({
      code: 1,
      lines: [expect.stringMatching(/^error: standard output cannot be written: ENOSPC/)],
    });
  }
});

test("a server whose reader went away stops as any other", async () => {
  const data = join(temporaryFolder(), "data");
  const server = await startServer({ data });
  server.child.stdout?.destroy();
  server.signal("SIGTERM");
  expect(await server.ended()).toBe(0);
  expect(existsSync(join(data, "server.json"))).toBe(false);
});

test("a path that cannot be is a wrong argument of backup and restore", async () => {
  const { data } = await dataFolder();
  const folder = temporaryFolder();
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const [args, told] of [
    [["backup", data, join(folder, "none", "b")], "a path in a folder that is there"],
    [["backup", data, join(file, "b")], "a path in a folder that is there"],
    [["restore", join(folder, "none"), join(folder, "new")], "the file of a backup"],
    [["restore", folder, join(folder, "new")], "the file of a backup"],
  ] as const) {
    const { code, stderr } = await troupe(["journal", ...args]);
    expect(code, stderr).toBe(2);
    expect(stderr).toContain(told);
    expect(stderr).toContain("TROUPE_OPTION_INVALID");
  }
  const backup = join(folder, "backup");
  expect(await troupe(["journal", "backup", data, backup])).toMatchObject({ code: 0 });
  const into = await troupe(["journal", "restore", backup, file]);
  expect(into).toMatchObject({ code: 2 });
  expect(into.stderr).toContain("a folder that is empty or not there yet");
});

test("a tail from behind the end is refused with the end; one from the end waits", async () => {
  const { data } = await dataFolder();
  const tail = ["journal", "tail", "--shard", "0", "--data", data, "--from"];
  const behind = await troupe([...tail, "99999999999"]);
  expect(behind).toMatchObject({ code: 2, stdout: "" });
  const end = /up to (\d+), where shard 0 ends now/.exec(behind.stderr)?.[1] ?? "";
  expect(await troupe([...tail, String(Number(end) + 1)])).toMatchObject({ code: 2 });
  const waiting = start([...tail, end]);
  const isOver = await Promise.race([waiting.ended(), pause(1_500).then(() => "it waits")]);
  expect(isOver).toBe("it waits");
});
