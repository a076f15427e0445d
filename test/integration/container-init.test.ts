/**
 * An agent as process 1 of a container: processes that jobs leave behind are taken in, and signals reach it. In a real
 * namespace of process ids, with a real server.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { initScript } from "../../src/agent/init-script.ts";
import {
  type ServerProcess,
  start,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const namespaces = [
  ["unshare", "--pid", "--fork", "--mount-proc"],
  ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"],
];

/** In which the agent is process 1. */
const container = namespaces.find(([command = "", ...args]) => {
  return spawnSync(command, [...args, "true"]).status === 0;
});

/** Twenty processes lose their parent, end, and must be taken in by process 1. */
const orphans = `
name: orphans
jobs:
  leave:
    timeout: 2m
    run: |
      count() { cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") $1 " || :; }
      n=0; while [ $n -lt 20 ]; do n=$((n + 1)); sh -c 'sleep 0.3 &'; done
      until [ "$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c '(sleep) [^Z]')" = 0 ]; do :; done
      tries=0; until [ "$(count Z)" = 0 ] || [ $tries = 50 ]; do tries=$((tries + 1)); done
      echo "zombies: $(count Z)"
  stay:
    needs: leave
    run: "touch $MARKS/began; until [ -e $MARKS/go ]; do sleep 0.05; done; echo went on"
`;

async function agentIn(server: ServerProcess, wrap: readonly string[]) {
  const folder = temporaryFolder();
  const token = await troupe(["token", "create"], { env: { TROUPE_DATA: server.data } });
  writeFileSync(join(folder, "token"), token.stdout);
  const args = ["agent", "--server", server.address, "--token-file", join(folder, "token")];
  const agent = start([...args, "--name", "one", "--state-dir", join(folder, "state")], { wrap });
  /** The first process within. */
  const pid = (): number => {
    if (container === undefined) return agent.pid;
    const children = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8");
    return Number.parseInt(children, 10);
  };
  return { agent, pid };
}

/** Returns what the first job has printed, as soon as the second one has begun. */
async function orphansOf(server: ServerProcess, id: string): Promise<[string, () => void]> {
  const marks = temporaryFolder();
  const file = join(marks, "orphans.yaml");
  writeFileSync(file, orphans.replaceAll("$MARKS", marks));
  const args = ["submit", file, "--data", server.data, "--id", id];
  expect(await troupe(args)).toMatchObject({ code: 0 });
  await waitUntil("the second job has begun", () => existsSync(join(marks, "began")));
  return [await logOf(server, id, "leave"), () => writeFileSync(join(marks, "go"), "")];
}

const logOf = async (server: ServerProcess, id: string, job: string): Promise<string> =>
  (await troupe(["logs", id, job, "--data", server.data])).stdout;

it("takes in what jobs leave behind, and drains when it is told to end", async () => {
  const server = await startServer({ data: join(temporaryFolder(), "data") });
  const wrap = [...(container ?? []), "sh", "-c", initScript, "init"];
  const { agent, pid } = await agentIn(server, wrap);
  const [log, goOn] = await orphansOf(server, "r");
  if (container === undefined) {
    const missing = "no namespace of process ids can be made here";
    process.stderr.write(`${missing}: signals are tested, zombies are not\n`);
  } else expect(log).toBe("zombies: 0\n");
  expect(agent.stderr()).not.toContain("zombies");
  process.kill(pid(), "SIGTERM");
  await waitUntil("the agent drains", () => agent.stderr().includes("SIGTERM: no more jobs"));
  goOn();
  expect(await agent.ended()).toBe(0);
  expect(await logOf(server, "r", "stay")).toBe("went on\n");
  if (container === undefined) return;

  // Alone it makes a shell process 1, or says that zombies stay, which they do.
  const alone = await agentIn(server, container);
  const [left] = await orphansOf(server, "alone");
  const canReplace = "execve" in process;
  expect(left === "zombies: 0\n").toBe(canReplace);
  expect(alone.agent.stderr().includes("they stay as zombies")).toBe(!canReplace);
  process.kill(alone.pid(), "SIGTERM");
  await waitUntil("it drains", () => alone.agent.stderr().includes("SIGTERM: no more jobs"));
  process.kill(alone.pid(), "SIGQUIT");
  expect(await alone.agent.ended()).toBe(0);
});

it("the program for images ends as the agent does", () => {
  const program = new URL("../../dist/troupe-agent-init", import.meta.url).pathname;
  const version = spawnSync(program, ["--version"], { encoding: "utf8" });
  expect(version).toMatchObject({ status: 0, stdout: "0.1.0\n" });
  expect(spawnSync(program, ["--no-such-flag"]).status).toBe(2);
  const input = spawnSync("sh", ["-c", initScript, "init", "cat"], { input: "a token" });
  expect(input).toMatchObject({ status: 0, stdout: Buffer.from("a token") });
  const killed = spawnSync("sh", ["-c", initScript, "init", "sh", "-c", "kill -KILL $$"]);
  expect(killed.status).toBe(137);
});
