/**
 * A control group per job, where this machine lets the agent make one: membership is inherited by
 * every child and cannot be shed by forking, so a job's tree is known whole, and can be limited and
 * counted whole.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  applyLimits,
  type ControllerFolder,
  type ControllerFolders,
  enforcedBy,
  keepsPeaks,
  limitHit,
  usageOf,
} from "./cgroup-accounts.ts";
import {
  type Controller,
  cgroupHierarchies,
  type Hierarchy,
  linesOf,
} from "./cgroup-hierarchies.ts";
import {
  type JobLimits,
  type JobUsage,
  type LimitHit,
  type LimitName,
  noLimits,
} from "./job-limits.ts";

export interface JobCgroup {
  /** A process joins by writing `0` into each: the job's first one does so before it becomes the job. */
  readonly joinFiles: readonly string[];
  /** Made by the job's first process if the kernel does not let it join. */
  readonly refusedFile: string;
  /** From now on the kernel holds its members to these. Throws `LimitRefusedError` where it does not take one. */
  limit(limits: JobLimits): void;
  /** Is every process of the job in here, or still on its way? */
  isJoined(): boolean;
  /** Members now, in this group and all below it. */
  pids(): number[];
  /** SIGKILL to all at once, those included that are being forked. */
  kill(): void;
  /** So far: totals and peaks. undefined where nothing is counted. */
  usage(): JobUsage | undefined;
  /** Does the kernel remember peaks? Else what `usage` gives for them is the present. */
  readonly keepsPeaks: boolean;
  /** The limit that ended or hindered the job; undefined = none did. */
  limitHit(): LimitHit | undefined;
  /** Removes the empty group, and its parent if it was the last one. */
  remove(): void;
}

/** The folder under which an agent makes its jobs' groups; it is there only while there are any. */
export interface CgroupParent {
  /** The limits that the groups made here really hold. */
  readonly enforced: ReadonlySet<LimitName>;
  /**
   * undefined where the kernel refuses a group: the job runs without. `refusedFile` is a place for its
   * first process to say so.
   */
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
  const mounted = cgroupHierarchies(root);
  const usable = mounted.filter(({ folder }) => isPossible(join(folder, `troupe-${name}`)));
  const members = usable.find(({ version, canFreeze }) => version === 2 || canFreeze);
  return members === undefined ? undefined : new Parent(`troupe-${name}`, members, usable);
}

/** May this user make groups here? */
function isPossible(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true });
  } catch {
    return false;
  }
  removeFolder(path);
  return true;
}

class Parent implements CgroupParent {
  readonly enforced: ReadonlySet<LimitName>;
  readonly #path: string;
  readonly #version: 1 | 2;
  /** The folder of this agent's groups, per controller. */
  readonly #accounts: ControllerFolders;

  constructor(name: string, members: Hierarchy, usable: readonly Hierarchy[]) {
    this.#path = join(members.folder, name);
    this.#version = members.version;
    this.#accounts = controllerFolders(name, usable);
    this.enforced = enforcedBy(this.#accounts.keys());
  }

  create(name: string, refusedFile: string): JobCgroup | undefined {
    const path = join(this.#path, name);
    const accounts = new Map<Controller, ControllerFolder>();
    for (const [controller, { folder, version }] of this.#accounts) {
      accounts.set(controller, { folder: join(folder, name), version });
    }
    const group = new Group({ path, version: this.#version, accounts, refusedFile });
    try {
      this.#handOn();
      group.make();
    } catch {
      group.remove();
      return undefined;
    }
    return group;
  }

  /** The parent goes with its last job, and is told anew what it hands on. */
  #handOn(): void {
    const handedOn = [...this.#accounts].filter(([, { version }]) => version === 2);
    const folder = handedOn[0]?.[1].folder;
    if (folder === undefined || existsSync(folder)) return;
    mkdirSync(folder, { recursive: true });
    enable(
      folder,
      handedOn.map(([name]) => name),
    );
  }

  clear(): void {
    for (const parent of this.#folders()) {
      for (const path of foldersIn(parent)) {
        const group = new Group({
          path,
          version: parent === this.#path ? this.#version : 1,
          accounts: new Map(),
          refusedFile: "",
        });
        group.kill();
        group.remove();
      }
      removeFolder(parent);
    }
  }

  #folders(): Set<string> {
    const others = [...this.#accounts.values()].map(({ folder }) => folder);
    return new Set([this.#path, ...others]);
  }
}

/** A controller is in one hierarchy only, v1 or v2. */
function controllerFolders(name: string, usable: readonly Hierarchy[]): ControllerFolders {
  const folders = new Map<Controller, ControllerFolder>();
  for (const { folder, version, controllers } of usable) {
    if (version === 2 && !handOn(folder, name, controllers)) continue;
    for (const controller of controllers) {
      folders.set(controller, { folder: join(folder, name), version });
    }
  }
  return folders;
}

/**
 * v2 lets a group hand controllers on only while it holds no process itself: so the agent moves into a
 * leaf beside its jobs. False where others are in the group too, who are not ours to move.
 */
function handOn(own: string, name: string, controllers: ReadonlySet<Controller>): boolean {
  if (controllers.size === 0) return false;
  if (enables(own, controllers)) return true;
  const members = linesOf(join(own, "cgroup.procs")).map(Number);
  if (members.some((pid) => pid !== process.pid)) return false;
  const leaf = join(own, `${name}-agent`);
  try {
    mkdirSync(leaf, { recursive: true });
    writeFileSync(join(leaf, "cgroup.procs"), "0");
  } catch {
    return false;
  }
  return enables(own, controllers);
}

function enables(folder: string, controllers: Iterable<Controller>): boolean {
  try {
    enable(folder, controllers);
    return true;
  } catch {
    return false;
  }
}

function enable(folder: string, controllers: Iterable<Controller>): void {
  const text = [...controllers].map((controller) => `+${controller}`).join(" ");
  writeFileSync(join(folder, "cgroup.subtree_control"), text);
}

/** Its message is the kernel's. */
export class LimitRefusedError extends Error {}

interface GroupOptions {
  readonly path: string;
  readonly version: 1 | 2;
  readonly accounts: ControllerFolders;
  readonly refusedFile: string;
}

class Group implements JobCgroup {
  readonly joinFiles: readonly string[];
  readonly refusedFile: string;
  readonly #path: string;
  readonly #version: 1 | 2;
  readonly #accounts: ControllerFolders;
  #limits: JobLimits = noLimits;

  constructor({ path, version, accounts, refusedFile }: GroupOptions) {
    this.#path = path;
    this.#version = version;
    this.#accounts = accounts;
    this.refusedFile = refusedFile;
    this.joinFiles = [...this.#folders()].map((folder) => join(folder, "cgroup.procs"));
  }

  /** Throws where the kernel refuses a group. */
  make(): void {
    for (const folder of this.#folders()) mkdirSync(folder, { recursive: true });
  }

  limit(limits: JobLimits): void {
    try {
      applyLimits(this.#accounts, limits);
    } catch (error) {
      throw new LimitRefusedError((error as Error).message, { cause: error });
    }
    this.#limits = limits;
  }

  get keepsPeaks(): boolean {
    return keepsPeaks(this.#accounts);
  }

  usage(): JobUsage | undefined {
    return this.isJoined() ? usageOf(this.#accounts) : undefined;
  }

  limitHit(): LimitHit | undefined {
    return limitHit(this.#accounts, this.#limits);
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
    // The usual case: all have ended by themselves. To freeze a group, even an empty one, waits for the kernel. Where
    // there are groups below, somebody may move from one to the other while they are read: those are frozen first.
    if (foldersIn(this.#path).length === 0 && this.pids().length === 0) return;
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
    for (const folder of this.#folders()) {
      // A job may have made groups below its own: then the deepest first.
      if (!removeFolder(folder))
        for (const path of withAllBelow(folder).reverse()) removeFolder(path);
      // The parent goes with the last job.
      removeFolder(dirname(folder));
    }
  }

  #folders(): Set<string> {
    return new Set([this.#path, ...[...this.#accounts.values()].map(({ folder }) => folder)]);
  }
}

function withAllBelow(path: string): string[] {
  return [path, ...foldersIn(path).flatMap((below) => withAllBelow(below))];
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(path, name));
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

/** False: it is there still. A group with members cannot be removed; the next agent with the same state folder tries again. */
function removeFolder(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
