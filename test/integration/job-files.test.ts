/** Files on their way through a whole system: a workspace in, artifacts from job to job and out, a summary. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startServer, temporaryFolder, troupe, troupeJson } from "../support/troupe-process.ts";

const pipeline = `
name: files
jobs:
  build:
    stdin: "to be read"
    run: |
      cat source/main.txt; cat
      mkdir out; tr a-z A-Z <source/main.txt >out/built
      echo "**built**" >>"$TROUPE_STEP_SUMMARY"
    artifacts: out
  check:
    needs: build
    run: |
      test "$(cat out/built)" = HELLO
      test ! -e ignored
`;

it("a workspace goes in, artifacts go from job to job and out again", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const work = join(folder, "work");
  mkdirSync(join(work, "source"), { recursive: true });
  writeFileSync(join(work, "source/main.txt"), "hello");
  writeFileSync(join(work, "ignored"), "not for jobs");
  writeFileSync(join(work, ".gitignore"), "ignored\n");
  execFileSync("git", ["init", "--quiet", work]);
  writeFileSync(join(folder, "files.yaml"), pipeline);
  await startServer({ data, agents: 1 });

  const submitted = await troupe([
    ...["submit", join(folder, "files.yaml"), "--data", data, "--id", "r"],
    ...["--workspace", work, "--watch"],
  ]);
  expect(submitted).toMatchObject({ code: 0 });
  expect(submitted.stdout).toContain("helloto be read");

  const summary = await troupe(["summary", "r", "build", "--data", data]);
  expect(summary).toMatchObject({ code: 0, stdout: "**built**\n" });
  const to = join(folder, "to");
  const brought = await troupe(["artifacts", "r", "build", "--data", data, "--to", to]);
  expect(brought).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, "out/built"), "utf8")).toBe("HELLO");
  const none = await troupe(["artifacts", "r", "check", "--data", data]);
  expect(none.code).not.toBe(0);
  expect(none.stderr).toContain("The job check of run r has left no artifacts");

  const events = await troupeJson<{ job?: string; usage?: { cpuMs: number } }>([
    "ps",
    "r",
    "--data",
    data,
  ]);
  expect(events.find(({ job }) => job === "build")?.usage?.cpuMs).toBeGreaterThanOrEqual(0);
});
