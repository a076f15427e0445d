import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type AgentProcessOptions, agentProcess } from "./support/agent-process.ts";
import { assignment, FakeServer } from "./support/fake-server.ts";
import { temporaryFolder } from "./support/folder.ts";
import { isAlive } from "./support/job.ts";
import { startServer } from "./support/started-agent.ts";

const secretToken = "token-canary-5d41402abc4b2a76";

async function connectedProcess(server: FakeServer, options: AgentProcessOptions = {}) {
  const stateDir = options.stateDir ?? temporaryFolder();
  const { length } = server.sessions;
  const agent = agentProcess({
    input: "token-1",
    ...options,
    args: [
      ...["--server", server.address, "--name", "tester", "--state-dir", stateDir, "--slots", "2"],
      ...(options.args ?? ["--token-file", "-"]),
    ],
  });
  await server.session(length);
  return { agent, stateDir };
}

describe("troupe-agent", () => {
  test.each([
    [["--help"], 0, /Usage: troupe-agent/],
    [["--version"], 0, new RegExp(packageJson.version.replaceAll(".", "\\."))],
    [[], 2, /troupe-agent: --server is missing.*\nTry: troupe-agent --help/],
    [["--server", "127.0.0.1:9"], 2, /has not enrolled yet: give it a one-time token/],
    [["--server", "127.0.0.1:9", "--token-file", "/missing"], 2, /cannot read the token: ENOENT/],
    [["--server", "127.0.0.1:9", "--token-file", "-"], 2, /there is no token in standard input/],
    [["--server", "127.0.0.1:9", "--tls-ca", "/missing"], 2, /--tls-ca: ENOENT/],
  ])("%j", async (args, code, text) => {
    const agent = agentProcess({ args });
    expect(await agent.ended).toEqual({ code, signal: null });
    expect(agent.stdout() + agent.stderr()).toMatch(text);
  });

  test("the token comes from a file, from standard input or from the environment, once", async () => {
    const server = await startServer();
    for (const name of ["a", "b", "c", "d"]) server.tokens.add(name);
    const file = join(temporaryFolder(), "token");
    writeFileSync(file, "a\n");
    await connectedProcess(server, { args: ["--token-file", file] });
    await connectedProcess(server, { input: "b\n" });
    await connectedProcess(server, { args: [], env: { TROUPE_TOKEN: "c" } });
    await connectedProcess(server, { args: [], input: "d" });
    expect(server.enrolments.map((request) => request.token)).toEqual(["a", "b", "c", "d"]);
    const twice = agentProcess({
      args: ["--server", server.address, "--token-file", file],
      env: { TROUPE_TOKEN: "c" },
    });
    expect(await twice.ended).toMatchObject({ code: 2 });
    expect(twice.stderr()).toMatch(/give the token once/);
  });

  test("no child ever sees the token, and no file keeps it", async () => {
    const server = await startServer();
    server.tokens.add(secretToken);
    const { stateDir } = await connectedProcess(server, {
      args: [],
      env: { TROUPE_TOKEN: secretToken },
    });
    const job = assignment({ script: "sleep 0.2; env; cat /proc/$$/environ; echo end" });
    server.last.assign(job);
    expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
    expect(server.text(job.attempt)).toContain("TROUPE_ATTEMPT_ID");
    expect(server.text(job.attempt)).not.toContain(secretToken);
    for (const file of filesUnder(stateDir)) expect(textOf(file)).not.toContain(secretToken);
  });

  test("SIGTERM drains, and it exits with 0 when its job is done", async () => {
    const server = await startServer();
    const { agent } = await connectedProcess(server);
    const job = assignment({ script: "echo up; sleep 0.7; echo done" });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) === "up\n");
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await server.result(job.attempt)).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(server.text(job.attempt)).toBe("up\ndone\n");
  });

  test("a second SIGTERM cancels what runs", async () => {
    const server = await startServer();
    const { agent } = await connectedProcess(server);
    const job = assignment({ script: "echo $$; exec sleep 300" });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) !== "");
    agent.child.kill("SIGTERM");
    await agent.says("no more jobs");
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await server.result(job.attempt)).toMatchObject({ outcome: Outcome.CANCELLED });
    expect(isAlive(Number(server.text(job.attempt)))).toBe(false);
  });

  test("--drain-timeout bounds the wait for jobs", async () => {
    const server = await startServer();
    const { agent } = await connectedProcess(server, {
      args: ["--token-file", "-", "--drain-timeout", "0.2"],
    });
    const job = assignment({ script: "echo up; exec sleep 300" });
    server.last.assign(job);
    await waitUntil("the start", () => server.text(job.attempt) !== "");
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toEqual({ code: 0, signal: null });
    expect(await server.result(job.attempt)).toMatchObject({ outcome: Outcome.CANCELLED });
  });

  test("a refused token ends it with 3", async () => {
    const server = await startServer();
    const agent = agentProcess({
      args: ["--server", server.address, "--token-file", "-"],
      input: "wrong",
    });
    expect(await agent.ended).toEqual({ code: 3, signal: null });
    expect(agent.stderr()).toMatch(/does not take this token/);
  });

  test("after kill -9 its next start ends what was left, and claims nothing of it", async () => {
    const server = await startServer();
    const stateDir = temporaryFolder();
    const first = await connectedProcess(server, { stateDir });
    const folder = temporaryFolder();
    const script = `(setsid sh -c 'echo $$ >>${folder}/pids; exec sleep 300' &) & echo $$ >>${folder}/pids; touch file; exec sleep 300`;
    const job = assignment({ script });
    server.last.assign(job);
    const pids = () =>
      readdirSync(folder).length === 0
        ? []
        : readFileSync(join(folder, "pids"), "utf8").split("\n").filter(Boolean).map(Number);
    await waitUntil("both processes", () => pids().length === 2);
    onTestFinished(() => {
      for (const pid of pids()) if (isAlive(pid)) process.kill(pid, "SIGKILL");
    });
    first.agent.child.kill("SIGKILL");
    await first.agent.ended;
    expect(pids().filter(isAlive)).toHaveLength(2);
    const second = await connectedProcess(server, { stateDir });
    expect(pids().filter(isAlive)).toEqual([]);
    expect(server.last.hello?.holding).toEqual([]);
    expect(second.agent.stderr()).toMatch(/killed 2 processes that an earlier start/);
    const work = join(stateDir, "work");
    const [mine = ""] = readdirSync(work);
    expect(readdirSync(join(work, mine)).filter((name) => !name.startsWith("pipe-"))).toEqual([]);
  });

  test.each(["SIGKILL", "SIGQUIT"] as const)(
    "what ended while there was no server is told by the next start, log and all, once (%s)",
    async (signal) => {
      const server = await startServer();
      const stateDir = temporaryFolder();
      const { agent } = await connectedProcess(server, { stateDir });
      const go = join(temporaryFolder(), "go");
      const script = `echo up; while [ ! -e ${go} ]; do sleep 0.02; done; seq 200000; echo n=7 >>"$TROUPE_OUTPUT"`;
      const job = assignment({ script, outputs: ["n"] });
      server.last.assign(job);
      await waitUntil("the start", () => server.text(job.attempt) === "up\n");
      await server.stop();
      writeFileSync(go, "");
      await agent.says("ended: succeeded");
      agent.child.kill(signal);
      await agent.ended;
      await server.restart();
      const second = await connectedProcess(server, { stateDir });
      expect(server.last.hello?.holding).toEqual([job.attempt]);
      const result = await server.result(job.attempt);
      expect(result).toMatchObject({ outcome: Outcome.SUCCEEDED, outputs: { n: "7" } });
      const lines = Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join("");
      expect(server.text(job.attempt) === `up\n${lines}`).toBe(true);
      expect(server.violations).toEqual([]);
      second.agent.child.kill("SIGTERM");
      expect(await second.agent.ended).toEqual({ code: 0, signal: null });
      const third = await connectedProcess(server, { stateDir });
      expect(server.last.hello?.holding).toEqual([]);
      expect(third.agent.stderr()).not.toMatch(/earlier start/);
    },
  );

  test("the log file is kept short", async () => {
    const server = await startServer();
    const file = join(temporaryFolder(), "agent.log");
    writeFileSync(file, "x".repeat(1024 * 1024));
    const { agent } = await connectedProcess(server, {
      args: ["--token-file", "-", "--log-file", file],
    });
    await waitUntil("the log", () => readFileSync(file, "utf8").includes("connected as"));
    expect(readFileSync(file, "utf8").length).toBeLessThan(10_000);
    expect(readFileSync(`${file}.1`, "utf8").length).toBe(1024 * 1024);
    expect(agent.stderr()).toBe("");
  });
});

/** The folder of an attempt that is over goes while one looks: what is gone keeps nothing. */
/** The agent clears up meanwhile: what is gone keeps nothing. */
function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(path) : entry.isFile() ? [path] : [];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
