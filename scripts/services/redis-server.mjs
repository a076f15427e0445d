/** One real redis-server on the loopback that a test may kill, freeze and start again. */
import { spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { aptInstall, canInstall, onPath } from "./program.mjs";
import { freePort, temporaryFolder } from "./server-process.mjs";

const START_DEADLINE_MS = 10_000;
export const REDIS_SETTINGS = [
  "--save",
  "",
  "--appendonly",
  "yes",
  "--maxmemory-policy",
  "noeviction",
];

/** The server's path; as root on Debian or Ubuntu it is installed when it is missing. */
export function redisProgram() {
  const found = onPath("redis-server");
  if (found !== undefined || !canInstall() || !aptInstall(["redis-server"])) return found;
  return onPath("redis-server");
}

/** With an append-only file: what was written is there again after a kill and a start. */
export async function startRedis({ args = [] } = {}) {
  const program = redisProgram();
  if (program === undefined) throw new Error("No redis-server on the PATH. Install it.");
  const port = await freePort();
  const folder = temporaryFolder("redis");
  const all = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...REDIS_SETTINGS];
  let child;
  let ended;
  const killNow = () => {
    if (isRunning()) child.kill("SIGKILL");
  };
  const isRunning = () => child?.exitCode === null && child.signalCode === null;
  const server = {
    port,
    url: `redis://127.0.0.1:${port}`,
    async start() {
      child = spawn(program, [...all, ...args], { stdio: "ignore" });
      const started = child;
      ended = new Promise((resolve) => {
        started.once("exit", resolve);
        started.once("error", resolve);
      });
      const until = Date.now() + START_DEADLINE_MS;
      while (!(await pings(port).catch(() => false))) {
        if (!isRunning() || Date.now() > until) throw new Error("redis-server gave no answer.");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async kill() {
      killNow();
      await ended;
    },
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    async stop() {
      process.off("exit", killNow);
      await server.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  process.once("exit", killNow);
  await server.start().catch(async (error) => {
    await server.stop();
    throw error;
  });
  return server;
}

/** Three primaries with a third of the slots each, as one cluster. */
export async function startRedisCluster() {
  const servers = [];
  try {
    for (let node = 0; node < 3; node++) {
      servers.push(await startRedis({ args: ["--cluster-enabled", "yes"] }));
    }
    const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
    const args = ["--cluster", "create", ...addresses, "--cluster-yes"];
    const client = join(dirname(redisProgram() ?? ""), "redis-cli");
    const { status, stdout, stderr } = spawnSync(client, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`redis-cli made no cluster:\n${stdout}${stderr}`);
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    throw error;
  }
  return {
    servers,
    urls: servers.map(({ url }) => url),
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

export function pings(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(1_000, () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString().startsWith("+PONG"));
    });
  });
}
