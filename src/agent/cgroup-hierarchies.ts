/**
 * Where control groups can be made on this machine: each mounted hierarchy with the agent's own
 * group in it. Boundary: reads what the kernel says; makes and changes nothing.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What a group can limit or count, by the name that v2 has for it; `cpuacct` is a part of `cpu` there. */
export type Controller = "memory" | "cpu" | "cpuacct" | "pids" | "io";

export interface Hierarchy {
  /** The agent's own group. */
  readonly folder: string;
  readonly version: 1 | 2;
  /** Of v2: those that the agent's group may hand on. */
  readonly controllers: ReadonlySet<Controller>;
  /** v1: has it the freezer, which can hold a whole tree still? */
  readonly canFreeze: boolean;
}

const controllersOfV1: ReadonlyMap<string, Controller> = new Map([
  ["memory", "memory"],
  ["cpu", "cpu"],
  ["cpuacct", "cpuacct"],
  ["pids", "pids"],
  ["blkio", "io"],
]);

/** All that are mounted, v2 first. `root` is where /proc and the mounts are looked for. */
export function cgroupHierarchies(root: string): Hierarchy[] {
  const mounts = linesOf(join(root, "proc/self/mounts")).map((line) => line.split(" "));
  const own = linesOf(join(root, "proc/self/cgroup")).map((line) => line.split(":"));
  const found: Hierarchy[] = [];
  const unified = mounts.find((mount) => mount[2] === "cgroup2")?.[1];
  const unifiedOwn = own.find((line) => line[0] === "0")?.[2];
  if (unified !== undefined && unifiedOwn !== undefined) {
    found.push(unifiedHierarchy(join(root, unified, unifiedOwn)));
  }
  for (const [, path, kind, options = ""] of mounts) {
    if (kind !== "cgroup" || path === undefined) continue;
    const mounted = options.split(",");
    // A group that is not the mount's own root shows under it by its whole path.
    const line = own.find(([, names = ""]) =>
      names.split(",").every((name) => name !== "" && mounted.includes(name)),
    );
    if (line?.[2] === undefined) continue;
    const controllers = mounted.flatMap((name) => controllersOfV1.get(name) ?? []);
    found.push({
      folder: join(root, path, line[2]),
      version: 1,
      controllers: new Set(controllers),
      canFreeze: mounted.includes("freezer"),
    });
  }
  return found;
}

function unifiedHierarchy(folder: string): Hierarchy {
  const names = new Set((linesOf(join(folder, "cgroup.controllers"))[0] ?? "").split(" "));
  const controllers = (["memory", "cpu", "pids", "io"] as const).filter((name) => names.has(name));
  return { folder, version: 2, controllers: new Set(controllers), canFreeze: false };
}

/** Without those that are empty; nothing where the file cannot be read. */
export function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}
