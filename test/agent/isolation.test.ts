/**
 * What a job can get of its agent, as far as a plain process can be kept from it. What cannot be prevented
 * (the same user's files and memory) is said in docs/agents.md.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AttemptFolder } from "../../src/agent/attempt-folder.ts";
import { IdentityFile } from "../../src/agent/identity.ts";
import { temporaryFolder } from "./support/folder.ts";
import { runJob, startJob } from "./support/job.ts";

const canary = "c4n4ry-0f-the-agent";

test("nothing of the agent's environment reaches a job, by whatever way it asks", async () => {
  const environment = {
    PATH: process.env["PATH"],
    TROUPE_TOKEN: canary,
    AWS_SECRET_ACCESS_KEY: canary,
  };
  const script = `env; set; cat /proc/self/environ /proc/$$/environ | tr "\\0" "\\n"; echo "$TROUPE_TOKEN$AWS_SECRET_ACCESS_KEY" || true`;
  const job = await runJob({ script, shell: "bash" }, { environment });
  expect(job.log).not.toContain(canary);
});

test("a secret is in no argument, no environment block and no file of a running job", async () => {
  const workFolder = temporaryFolder();
  const secrets = { TOKEN: canary };
  const job = startJob({ script: "echo up; sleep 60", secrets }, { workFolder });
  await job.prints("up");
  const attempt = job.assignment.attempt;
  const folder = new AttemptFolder(workFolder, attempt);
  const script = join(folder.path, "script.sh");
  const shown = execFileSync("sh", [
    "-c",
    `for p in /proc/[0-9]*; do if tr "\\0" " " <"$p/cmdline" 2>/dev/null | grep -qF "${script}"; then cat "$p/cmdline" "$p/environ" 2>/dev/null; echo found; fi; done; grep -rF . "${folder.path}" || true`,
  ]).toString("latin1");
  expect(shown).toContain("found");
  expect(shown).not.toContain(canary);
});

test("other users read neither the identity nor any job's folder", async () => {
  const state = temporaryFolder();
  const identity = new IdentityFile(state);
  identity.write({ agentId: "agent-1", credential: canary });
  expect(statSync(identity.path).mode & 0o777).toBe(0o600);
  const workFolder = join(state, "work");
  mkdirSync(workFolder, { mode: 0o700 });
  const job = startJob({ script: "echo up; sleep 60" }, { workFolder });
  await job.prints("up");
  const folder = new AttemptFolder(workFolder, job.assignment.attempt);
  expect(statSync(folder.path).mode & 0o777).toBe(0o700);
  for (const path of [folder.outputsFile, folder.summaryFile]) {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }
});

test.runIf(process.getuid?.() === 0)(
  "a user of its own cannot look into a job of another one",
  async () => {
    const workFolder = temporaryFolder();
    const job = startJob(
      { script: "echo up; sleep 60", secrets: { TOKEN: canary } },
      { workFolder },
    );
    await job.prints("up");
    const path = new AttemptFolder(workFolder, job.assignment.attempt).path;
    const spy = `for p in /proc/[0-9]*; do cat $p/environ 2>/dev/null; done | tr "\\0" "\\n" | grep -c "^TROUPE_ATTEMPT_ID" ; ls "${path}" 2>&1; true`;
    const nobody = { uid: 65_534, gid: 65_534, env: { PATH: process.env["PATH"] } };
    const seen = execFileSync("sh", ["-c", spy], { ...nobody, encoding: "utf8" });
    expect(seen).toMatch(/^0\n/);
    expect(seen).toMatch(/denied/i);
  },
);

test("the job's folder is gone when it is over, whatever modes the job left in it", async () => {
  const workFolder = temporaryFolder();
  const job = startJob({ script: "mkdir -p a/b; echo x >a/b/c; chmod 000 a/b" }, { workFolder });
  await job.end;
  const folder = new AttemptFolder(workFolder, job.assignment.attempt);
  await folder.remove();
  expect(statSync(folder.path, { throwIfNoEntry: false })).toBeUndefined();
});
