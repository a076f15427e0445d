/** Redis for snapshots: found, or started with append-only file and no eviction. */
import { spawnSync } from "node:child_process";
import { aptInstall, canInstall, hasDocker, onPath } from "./program.mjs";
import { pings, REDIS_SETTINGS } from "./redis-server.mjs";
import { freePort, startServer, temporaryFolder } from "./server-process.mjs";

export const redis = {
  name: "Redis",
  variable: "REDIS_URL",
  needs: "tests of snapshots in Redis",
  async obtain() {
    const program = onPath("redis-server");
    if (program !== undefined) return fromProgram(program, "redis-server on the PATH");
    if (hasDocker()) return fromDocker();
    if (canInstall() && aptInstall(["redis-server"])) {
      const installed = onPath("redis-server");
      if (installed !== undefined) return fromProgram(installed, "the distribution's package");
    }
    return { missing: "Set REDIS_URL, or install redis-server, or start Docker." };
  },
};

async function fromProgram(command, how) {
  const port = await freePort();
  const folder = temporaryFolder("redis");
  const { stop } = await startServer({
    name: "Redis",
    command,
    args: ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...REDIS_SETTINGS],
    folder,
    deadlineMs: 10_000,
    answers: () => pings(port),
  });
  return { address: `redis://127.0.0.1:${port}`, how, stop };
}

async function fromDocker() {
  const port = await freePort();
  const name = `troupe-redis-${port}`;
  const folder = temporaryFolder("redis");
  const { stop } = await startServer({
    name: "Redis in Docker",
    command: "docker",
    args: [
      "run",
      "--rm",
      "--name",
      name,
      "-p",
      `127.0.0.1:${port}:6379`,
      "redis:7",
      "redis-server",
      ...REDIS_SETTINGS,
    ],
    folder,
    // The image may have to be pulled.
    deadlineMs: 120_000,
    answers: () => pings(port),
  });
  return {
    address: `redis://127.0.0.1:${port}`,
    how: "Docker",
    async stop() {
      spawnSync("docker", ["kill", name]);
      await stop();
    },
  };
}
