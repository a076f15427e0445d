/**
 * A real file system that is full or read-only, without touching the machine's own: a tmpfs in a
 * mount namespace that lives as long as one holder process. Root, or a kernel that lets users
 * have namespaces.
 */
import { spawn, spawnSync } from "node:child_process";
import { onTestFinished } from "vitest";
import { waitUntil } from "./wait-until.ts";

export interface SmallDisk {
  /** Put in front of a command: it sees the disk at the folder. */
  readonly enter: readonly string[];
  /** Runs a shell line that sees the disk; throws if it fails. */
  sh(line: string): string;
}

export async function smallDisk(folder: string, mountOptions: string): Promise<SmallDisk> {
  const root = process.getuid?.() === 0;
  const script = 'mount -t tmpfs -o "$1" tmpfs "$0" && echo ready && exec sleep 3600';
  const holder = spawn(
    "unshare",
    [root ? "-m" : "-Urm", "sh", "-c", script, folder, mountOptions],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  onTestFinished(() => {
    holder.kill("SIGKILL");
  });
  let output = "";
  holder.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  holder.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  await waitUntil("the small disk is mounted", () => {
    if (holder.exitCode !== null) throw new Error(`no small disk: ${output}`);
    return output.includes("ready");
  });
  const enter = [
    "nsenter",
    "-t",
    String(holder.pid),
    ...(root ? [] : ["-U", "--preserve-credentials"]),
    "-m",
    "--",
  ];
  return {
    enter,
    sh(line) {
      const [command, ...args] = [...enter, "sh", "-c", line];
      if (command === undefined) throw new Error("there is no way into the small disk");
      const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
      if (status !== 0) throw new Error(`${line}: ${stderr}`);
      return stdout;
    },
  };
}
