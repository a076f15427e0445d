/** A server started by us: on a free port of the loopback, in a temporary folder, in a group of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How many of the server's last words are kept for an error. */
const LOG_CHARACTERS_MAX = 4_000;

export function temporaryFolder(name) {
  return mkdtempSync(join(tmpdir(), `troupe-${name}-`));
}

/** A port nobody listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Starts a server and waits for a real answer.
 * @param {{ name: string, command: string, args: readonly string[], folder: string, deadlineMs: number, answers: () => Promise<boolean> }} options
 * @returns {Promise<{ stop(): Promise<void> }>} rejects with the server's last words when no answer comes in time
 */
export async function startServer({ name, command, args, folder, deadlineMs, answers }) {
  const child = spawn(command, args, {
    cwd: folder,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      log = (log + text).slice(-LOG_CHARACTERS_MAX);
    });
  }
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", resolve);
  });
  const kill = () => killGroup(child.pid);
  process.once("exit", kill);
  const stop = async () => {
    process.off("exit", kill);
    kill();
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const until = Date.now() + deadlineMs;
  while (!(await answers().catch(() => false))) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > until) {
      await stop();
      throw new Error(`${name} gave no answer within ${deadlineMs} ms. Its last words:\n${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { stop };
}

function killGroup(pid) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}
