import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { AttemptFolder } from "../../src/agent/attempt-folder.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { temporaryFolder } from "./support/folder.ts";
import { runJob, startJob } from "./support/job.ts";

describe("how a job ends", () => {
  test("well", async () => {
    const job = await runJob({ script: "exit 0" });
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED, exitCode: 0, signal: "", reason: "" });
    expect(job.startedAtMs).toBeGreaterThan(0);
  });

  test("with a code", async () => {
    const job = await runJob({ script: "exit 3" });
    expect(job).toMatchObject({ outcome: Outcome.FAILED, exitCode: 3, reason: "exit code 3" });
  });

  test("by a signal", async () => {
    const job = await runJob({ script: "kill -KILL $$" });
    expect(job).toMatchObject({
      outcome: Outcome.FAILED,
      exitCode: 137,
      signal: "SIGKILL",
      reason: "killed by SIGKILL",
    });
  });

  test("by its timeout, not a millisecond early", async () => {
    const job = await runJob({ script: "sleep 600", timeoutMs: 350 });
    expect(job).toMatchObject({ outcome: Outcome.TIMED_OUT, reason: "timed out after 350 ms" });
    expect(job.durationMs).toBeGreaterThanOrEqual(350);
    // How much later it is seen to be dead is the machine's; but it is long before its own end.
    expect(job.durationMs).toBeLessThan(60_000);
  });

  test("a timeout that a job answers in time lets it clean up", async () => {
    const script = "trap 'echo cleaned; exit 7' TERM; echo up; sleep 60 & wait";
    const job = await runJob({ script, timeoutMs: 300 });
    expect(job).toMatchObject({ outcome: Outcome.TIMED_OUT, exitCode: 7 });
    expect(job.log).toBe("up\ncleaned\n");
  });

  test("by a cancel", async () => {
    const job = startJob({ script: "echo up; sleep 60" });
    await job.prints("up");
    job.running.cancel("superseded", 1_000);
    expect(await job.end).toMatchObject({
      outcome: Outcome.CANCELLED,
      signal: "SIGTERM",
      reason: "cancelled: superseded",
    });
  });

  test("by SIGKILL after the grace when it does not listen; the earlier of two deadlines counts", async () => {
    const job = startJob({ script: "trap '' TERM; echo up; while :; do sleep 0.05; done" });
    await job.prints("up");
    const cancelledAt = performance.now();
    job.running.cancel("first", 60_000);
    job.running.cancel("second", 300);
    expect(await job.end).toMatchObject({
      outcome: Outcome.CANCELLED,
      signal: "SIGKILL",
      reason: "cancelled: first",
    });
    const tookMs = performance.now() - cancelledAt;
    expect(tookMs).toBeGreaterThanOrEqual(300);
    expect(tookMs).toBeLessThan(30_000);
  });

  test("a cancel before the start means that it never starts", async () => {
    const folder = temporaryFolder();
    const witness = join(folder, "ran");
    const job = startJob({ script: `touch ${witness}` });
    job.running.cancel("too late", 1_000);
    expect(await job.end).toMatchObject({
      outcome: Outcome.CANCELLED,
      startedAtMs: 0,
      reason: "cancelled: too late",
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("what cannot be started", () => {
  test.each([
    [
      "a shell nobody knows",
      { shell: "fish" },
      /the shell "fish" is not known here: use sh, bash, python, node/,
    ],
    [
      "no such shell in PATH",
      { shell: "bash", env: { PATH: "/nowhere" } },
      /bash was not found in PATH \(\/nowhere\): install bash on this agent/,
    ],
    [
      "no such folder",
      { workingDirectory: "missing" },
      /working directory .*missing does not exist on this agent/,
    ],
    ["a file for a folder", { workingDirectory: "/etc/passwd" }, /is not a directory/],
    ["a NUL in the environment", { env: { BAD: "a\0b" } }, /BAD holds a NUL byte/],
    [
      "an environment that is too large",
      { env: { BIG: "x".repeat(200_000) } },
      /environment is too large/,
    ],
    ["a secret that no variable can hold", { secrets: { S: "a\0b" } }, /S holds a NUL byte/],
    ["a secret with a bad name", { secrets: { "a-b": "x" } }, /"a-b" is no variable name/],
    ["a secret in the place of PATH", { secrets: { PATH: "x" } }, /must not be called PATH/],
    [
      "too large secrets",
      { secrets: { S: "x".repeat(agentLimits.secretsBytesMax + 1) } },
      /secrets take 65537 bytes/,
    ],
  ])("%s", async (_name, changes, reason) => {
    const job = await runJob({ ...changes, script: "echo ran" });
    expect(job).toMatchObject({ outcome: Outcome.ERROR, startedAtMs: 0, log: "" });
    expect(job.reason).toMatch(reason);
  });

  test("a work folder that is not there, or full", async () => {
    const missing = await runJob({}, { workFolder: "/dev/null/work" });
    expect(missing.outcome).toBe(Outcome.ERROR);
    expect(missing.reason).toMatch(/could not be started: ENOTDIR/);
  });

  test("a process that cannot be started leaves no descriptor open", async () => {
    const programs = temporaryFolder();
    writeFileSync(join(programs, "sh"), "#!/nowhere/sh\n", { mode: 0o755 });
    const environment = { PATH: `${programs}:${process.env["PATH"]}` };
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    for (let count = 0; count < 40; count++) {
      const job = await runJob({ shell: "bash" }, { environment });
      expect(job).toMatchObject({ outcome: Outcome.ERROR, startedAtMs: 0 });
      expect(job.reason).toMatch(/could not be started: spawn .*ENOENT/);
    }
    // Each may have a `mkfifo` for the next one under way, which takes a moment to end.
    expect(open()).toBeLessThan(before + 30);
  });
});

describe("the script", () => {
  test("stops at the first failure, also within a pipe in bash, and at a variable that is not set", async () => {
    expect(await runJob({ script: "false\necho on" })).toMatchObject({ exitCode: 1, log: "" });
    expect(await runJob({ shell: "bash", script: "false | true\necho on" })).toMatchObject({
      exitCode: 1,
      log: "",
    });
    const unset = await runJob({ script: "echo $nothing" });
    expect(unset.exitCode).not.toBe(0);
    expect(unset.log).toMatch(/nothing/);
  });

  test("keeps its line numbers", async () => {
    const script = "# one\n# two\nno-such-command\n";
    expect((await runJob({ shell: "bash", script })).log).toMatch(/line 3: no-such-command/);
    const secret = { secrets: { S: "secret" } };
    expect((await runJob({ shell: "bash", script, ...secret })).log).toMatch(/line 3: no-such/);
  });

  test("stdout and stderr arrive in the order they were written, through one pipe", async () => {
    const script =
      "for i in 1 2 3; do echo out $i; echo err $i >&2; echo dev $i >/dev/stderr; done";
    const { log } = await runJob({ script });
    const lines = [1, 2, 3].flatMap((i) => [`out ${i}`, `err ${i}`, `dev ${i}`]);
    expect(log).toBe(`${lines.join("\n")}\n`);
  });

  test("runs in the workspace, or in a folder below it or anywhere", async () => {
    expect((await runJob({ script: 'test "$PWD" = "$TROUPE_WORKSPACE" && echo same' })).log).toBe(
      "same\n",
    );
    expect((await runJob({ script: "pwd", workingDirectory: "/usr" })).log).toBe("/usr\n");
    expect((await runJob({ script: "ls -A" })).log).toBe("");
  });

  test("has nothing to read, and a session of its own", async () => {
    expect((await runJob({ script: "cat; echo end" })).log).toBe("end\n");
    const script = "cut -d' ' -f1,5,6 /proc/$$/stat; echo $$";
    const [, pgrp, session, pid] = (await runJob({ script })).log.split(/\s+/);
    expect([pgrp, session]).toEqual([pid, pid]);
  });

  test("python and node run too", async () => {
    const python = "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(4)";
    expect(await runJob({ shell: "python", script: python })).toMatchObject({
      log: "out\nerr\n",
      exitCode: 4,
    });
    const commonJs = "const fs = require('node:fs'); console.log(typeof fs.read)";
    expect((await runJob({ shell: "node", script: commonJs })).log).toBe("function\n");
    const module = "import fs from 'node:fs'; console.log(await typeof fs.read)";
    expect((await runJob({ shell: "node", script: module })).log).toContain("function\n");
  });

  test("its folder is for the agent's user only, and goes away", async () => {
    const workFolder = temporaryFolder();
    const job = startJob(
      { script: "mkdir -p deep/er; echo x >deep/er/file; chmod 555 deep/er" },
      { workFolder },
    );
    await job.end;
    const [name = ""] = readdirSync(workFolder).filter((entry) => !entry.startsWith("pipe-"));
    expect(statSync(join(workFolder, name)).mode & 0o777).toBe(0o700);
    expect(statSync(join(workFolder, name, "script.sh")).mode & 0o777).toBe(0o700);
    await new AttemptFolder(workFolder, job.assignment.attempt).remove();
    expect(readdirSync(workFolder).filter((entry) => !entry.startsWith("pipe-"))).toEqual([]);
  });
});

describe("the environment", () => {
  test("is clean: the agent's own does not get in", async () => {
    const { log } = await runJob(
      { script: "env", env: { MINE: "yes", TROUPE_RUN_ID: "forged", TROUPE_TOKEN: "forged" } },
      { environment: { ...process.env, AGENT_SECRET: "canary", TROUPE_AGENT_NAME: "tester" } },
    );
    const names = log
      .split("\n")
      .map((line) => line.split("=")[0])
      .filter(Boolean)
      .sort();
    const shellsOwn = ["PWD", "OLDPWD", "SHLVL", "_"];
    expect(names.filter((name) => !shellsOwn.includes(name as string))).toEqual([
      "CI",
      "HOME",
      "LANG",
      "MINE",
      "PATH",
      "PYTHONUNBUFFERED",
      "TMPDIR",
      "TROUPE_AGENT_NAME",
      "TROUPE_ATTEMPT",
      "TROUPE_ATTEMPT_ID",
      "TROUPE_JOB",
      "TROUPE_OUTPUT",
      "TROUPE_PIPELINE",
      "TROUPE_RUN_ID",
      "TROUPE_STEP_SUMMARY",
      "TROUPE_WORKSPACE",
    ]);
    expect(log).not.toContain("canary");
    expect(log).not.toContain("forged");
    expect(log).toContain("CI=true\n");
  });

  test("says which attempt this is", async () => {
    const { log } = await runJob({
      attempt: { runId: "r/1", job: "bu ild", attempt: 2 },
      pipeline: "zlib",
      traceparent: "00-1-2-01",
      script:
        'echo "$TROUPE_RUN_ID|$TROUPE_JOB|$TROUPE_ATTEMPT|$TROUPE_PIPELINE|$TRACEPARENT"; test -d "$TMPDIR"',
    });
    expect(log).toBe("r/1|bu ild|2|zlib|00-1-2-01\n");
  });
});

describe("secrets", () => {
  const secrets = {
    TOKEN: 'tök\'en $(id) "x" \\n',
    KEY: "-----BEGIN-----\nline two\n\n",
    EMPTY: "",
  };

  test.each(["sh", "bash"])(
    "are variables of %s, exact to the byte, and not exported",
    async (shell) => {
      const script = `
      printf %s "$TOKEN" | cksum; printf %s "$KEY" | cksum; printf %s "$EMPTY" | cksum
      env | grep -c -e TOKEN= -e KEY= || true
      cat`;
      const { log } = await runJob({
        shell,
        script,
        secrets,
        env: { TOKEN: "from the job's env" },
      });
      const expected = Object.values(secrets).map((value) =>
        execFileSync("cksum", { input: value, encoding: "utf8" }),
      );
      expect(log).toBe(`${expected.join("")}0\n`);
    },
  );

  test("reach python and node as one line of JSON", async () => {
    const python =
      "import json, sys\nprint(len(json.loads(sys.stdin.readline())['KEY']))\nprint(sys.stdin.read())";
    expect((await runJob({ shell: "python", script: python, secrets })).log).toBe("26\n\n");
    const node = "console.log(JSON.parse(require('fs').readFileSync(0, 'utf8')).KEY.length)";
    expect((await runJob({ shell: "node", script: node, secrets })).log).toBe("26\n");
  });

  test("are in no argument, environment block or file, and masked in the log", async () => {
    const workFolder = temporaryFolder();
    const canary = "canary-8273645-value";
    const script = `
      for file in /proc/$$/environ /proc/$$/cmdline; do
        if grep -qa "canary-8273645"-value "$file"; then echo leaked in "$file"; fi
      done
      grep -ra "canary-8273645"-value "$TROUPE_WORKSPACE/.." || echo nothing on disk
      echo "raw $S"; printf %s "$S" | base64; echo "end"`;
    const job = startJob({ script, secrets: { S: canary } }, { workFolder });
    await job.end;
    expect(job.log()).toBe(`nothing on disk\nraw ***\n***\nend\n`);
    expect(job.bytes().includes(canary)).toBe(false);
  });

  test("a script that never reads them is not harmed", async () => {
    const job = await runJob({
      shell: "node",
      script: "process.exit(0)",
      secrets: { S: "x".repeat(60_000) },
    });
    expect(job.outcome).toBe(Outcome.SUCCEEDED);
  });

  test("one that is too short to mask is said to be", async () => {
    const { log } = await runJob({ script: "echo $PIN", secrets: { PIN: "123" } });
    expect(log).toBe("troupe: the secret PIN is too short to be masked in this log\n123\n");
  });

  test("one that is printed in two halves, seconds apart, stays hidden", async () => {
    const script = "printf 'a hunter2-'; sleep 0.3; printf 'hunter2 b'";
    expect((await runJob({ script, secrets: { S: "hunter2-hunter2" } })).log).toBe("a *** b");
  });
});

describe("outputs", () => {
  test("are what was declared; the rest is left out and said so", async () => {
    const script =
      'echo "sha=abc=1" >>"$TROUPE_OUTPUT"; printf "text<<E\\na\\nb\\nE\\nextra=1\\n" >>"$TROUPE_OUTPUT"; printf tail';
    const job = await runJob({ script, outputs: ["sha", "text", "unset"] });
    expect(job.outputs).toEqual({ sha: "abc=1", text: "a\nb" });
    expect(job.log).toBe("tail\ntroupe: not declared as outputs of this job, so left out: extra\n");
  });

  test.each([
    [
      "a secret",
      'echo "x=pre $S post" >>"$TROUPE_OUTPUT"',
      "output x holds the value of a secret, and outputs are stored",
    ],
    [
      "an encoded secret",
      'echo "x=$(printf %s "$S" | base64)" >>"$TROUPE_OUTPUT"',
      "output x holds the value of a secret, and outputs are stored",
    ],
    ["no name", 'echo "hello" >>"$TROUPE_OUTPUT"', "line 1: expected name=value or name<<END"],
    [
      "a text without end",
      'echo "x<<END" >>"$TROUPE_OUTPUT"',
      "line 1: x<<END is never closed by that word",
    ],
    [
      "a link",
      'rm "$TROUPE_OUTPUT"; ln -s /etc/passwd "$TROUPE_OUTPUT"',
      "the job put a link in the place of $TROUPE_OUTPUT",
    ],
    [
      "a pipe",
      'rm "$TROUPE_OUTPUT"; mkfifo "$TROUPE_OUTPUT"',
      "$TROUPE_OUTPUT cannot be read: it is no longer a plain file",
    ],
    ["nothing", 'rm "$TROUPE_OUTPUT"', "the job removed the file of $TROUPE_OUTPUT"],
    [
      "too much",
      'head -c 2000000 /dev/zero >"$TROUPE_OUTPUT"',
      "$TROUPE_OUTPUT takes 2000000 bytes, the most is 1048576",
    ],
    [
      "a value that is too long",
      '{ printf x=; head -c 70000 /dev/zero | tr "\\0" y; } >"$TROUPE_OUTPUT"',
      "output x takes 70000 bytes, the most is 65536",
    ],
  ])("%s in their place fails the job", async (_name, script, reason) => {
    const job = await runJob({ script, outputs: ["x"], secrets: { S: "hunter2hunter2" } });
    expect(job).toMatchObject({ outcome: Outcome.FAILED, exitCode: 0, outputs: {}, reason });
  });

  test("a job that failed anyway keeps its own reason, and what it wrote", async () => {
    const script = 'echo "x=1" >>"$TROUPE_OUTPUT"; exit 5';
    expect(await runJob({ script, outputs: ["x"] })).toMatchObject({
      reason: "exit code 5",
      outputs: { x: "1" },
    });
  });
});

test("a folder of the same attempt from an earlier start is no hindrance", async () => {
  const workFolder = temporaryFolder();
  const attempt = { runId: "again", job: "x", attempt: 1 };
  expect((await runJob({ attempt }, { workFolder })).log).toBe("hello\n");
  const [name = ""] = readdirSync(workFolder).filter((entry) => !entry.startsWith("pipe-"));
  mkdirSync(join(workFolder, name, "workspace", "old"), { recursive: true });
  writeFileSync(join(workFolder, name, "outputs"), "stale=1");
  symlinkSync("/etc", join(workFolder, name, "link"));
  chmodSync(join(workFolder, name, "workspace"), 0o500);
  expect((await runJob({ attempt, script: "ls -A; cat $TROUPE_OUTPUT" }, { workFolder })).log).toBe(
    "",
  );
  expect(readFileSync("/etc/passwd", "utf8")).toContain("root");
});
