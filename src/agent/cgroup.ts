/**
 * A control group per job, where this machine lets the agent make one: membership is inherited by
 * every child and cannot be shed by forking, so a job's tree is known whole.
 * Boundary: membership and killing only; limits and usage do not belong here.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

export interface JobCgroup {
  /** A process joins by writing `0` here: the job's first one does so before it becomes the job. */
  readonly joinFile: string;
  /** Made by the job's first process if the kernel does not let it join. */
  readonly refusedFile: string;
  /** Is every process of the job in here, or still on its way? */
  isJoined(): boolean;
  /** Members now, in this group and all below it. */
  pids(): number[];
  /** SIGKILL to all at once, those included that are being forked. */
  kill(): void;
  /** Removes the empty group, and its parent if it was the last one. */
  remove(): void;
}

/** The folder under which an agent makes its jobs' groups; it is there only while there are any. */
export interface CgroupParent {
  /** undefined where the kernel refuses it: the job runs without. `refusedFile` is a place for its first process to say so. */
  create(name: string, refusedFile: string): JobCgroup | undefined;
  /** Kills what an earlier agent left in here, and removes its groups. */
  clear(): void;
}

/**
 * Finds a hierarchy to make groups in: cgroup v2, else the freezer of v1. `name` keeps agents on
 * one machine apart. undefined: none is mounted, or this user may not write there.
 */
export function openCgroupParent(name: string, root = "/"): CgroupParent | undefined {
  if (process.platform !== "linux" && root === "/") return undefined;
  for (const { folder, version } of hierarchies(root)) {
    const path = join(folder, `troupe-${name}`);
    const parent = new Parent(path, version);
    if (parent.isPossible()) return parent;
  }
  return undefined;
}

interface Hierarchy {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** The agent's own group in each usable hierarchy, the better one first. */
function hierarchies(root: string): Hierarchy[] {
  const mounts = linesOf(join(root, "proc/self/mounts")).map((line) => line.split(" "));
  const own = linesOf(join(root, "proc/self/cgroup")).map((line) => line.split(":"));
  const found: Hierarchy[] = [];
  const unified = mounts.find((mount) => mount[2] === "cgroup2")?.[1];
  const unifiedOwn = own.find((line) => line[0] === "0")?.[2];
  if (unified !== undefined && unifiedOwn !== undefined) {
    found.push({ folder: join(root, unified, unifiedOwn), version: 2 });
  }
  const freezer = mounts.find(
    (mount) => mount[2] === "cgroup" && (mount[3] ?? "").split(",").includes("freezer"),
  )?.[1];
  const freezerOwn = own.find((line) => (line[1] ?? "").split(",").includes("freezer"))?.[2];
  if (freezer !== undefined && freezerOwn !== undefined) {
    found.push({ folder: join(root, freezer, freezerOwn), version: 1 });
  }
  return found;
}

class Parent implements CgroupParent {
  readonly #path: string;
  readonly #version: 1 | 2;

  constructor(path: string, version: 1 | 2) {
    this.#path = path;
    this.#version = version;
  }

  /** May this user make groups here? */
  isPossible(): boolean {
    try {
      mkdirSync(this.#path, { recursive: true });
    } catch {
      return false;
    }
    removeFolder(this.#path);
    return true;
  }

  create(name: string, refusedFile: string): JobCgroup | undefined {
    const path = join(this.#path, name);
    try {
      mkdirSync(path, { recursive: true });
      return new Group(path, this.#version, refusedFile);
    } catch {
      return undefined;
    }
  }

  clear(): void {
    for (const path of foldersIn(this.#path)) {
      const group = new Group(path, this.#version, "");
      group.kill();
      group.remove();
    }
    removeFolder(this.#path);
  }
}

class Group implements JobCgroup {
  readonly joinFile: string;
  readonly refusedFile: string;
  readonly #path: string;
  readonly #version: 1 | 2;

  constructor(path: string, version: 1 | 2, refusedFile: string) {
    this.#path = path;
    this.#version = version;
    this.joinFile = join(path, "cgroup.procs");
    this.refusedFile = refusedFile;
  }

  isJoined(): boolean {
    return !existsSync(this.refusedFile);
  }

  pids(): number[] {
    return withAllBelow(this.#path).flatMap((path) =>
      linesOf(join(path, "cgroup.procs")).map(Number),
    );
  }

  kill(): void {
    const killFile = join(this.#path, "cgroup.kill");
    if (this.#version === 2 && existsSync(killFile)) {
      write(killFile, "1");
      return;
    }
    const stateFile = join(this.#path, this.#version === 2 ? "cgroup.freeze" : "freezer.state");
    write(stateFile, this.#version === 2 ? "1" : "FROZEN");
    for (const pid of this.pids()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already; the caller looks again at who is left.
      }
    }
    write(stateFile, this.#version === 2 ? "0" : "THAWED");
  }

  remove(): void {
    // A job may have made groups below its own: the deepest first. The parent goes with the last job.
    for (const path of withAllBelow(this.#path).reverse()) removeFolder(path);
    removeFolder(dirname(this.#path));
  }
}

function withAllBelow(path: string): string[] {
  return [path, ...foldersIn(path).flatMap((below) => withAllBelow(below))];
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path)
      .map((name) => join(path, name))
      .filter((below) => statSync(below).isDirectory());
  } catch {
    return [];
  }
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** The group may vanish at any time: then there is nobody left to reach either. */
function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {}
}

/** A group with members cannot be removed; the next agent with the same state folder tries again. */
function removeFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch {}
}
