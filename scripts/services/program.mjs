/** Finding and installing programs on this machine. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The full path of a program, or undefined. Looks where distributions put servers, too. */
export function onPath(program) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** Whether packages can be installed without asking anybody: root on Debian or Ubuntu. */
export function canInstall() {
  if (process.getuid?.() !== 0 || !existsSync("/etc/os-release")) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync("/etc/os-release", "utf8"));
}

/** Installs the distribution's packages. Returns whether that worked. */
export function aptInstall(packages) {
  console.error(`» installing ${packages.join(", ")} (apt-get)`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    spawnSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...packages], {
      env,
      encoding: "utf8",
    });
  let result = install();
  if (result.status !== 0) {
    // A machine that never asked for the package lists has none.
    spawnSync("apt-get", ["update", "-q"], { env, encoding: "utf8" });
    result = install();
  }
  if (result.status !== 0) console.error(result.stderr.split("\n").slice(-5).join("\n"));
  return result.status === 0;
}

/** Whether a Docker engine answers. */
export function hasDocker() {
  if (onPath("docker") === undefined) return false;
  return (
    spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { timeout: 5_000 })
      .status === 0
  );
}
