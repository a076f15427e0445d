/**
 * The server's own files in the data folder, beside the journal and the logs:
 *
 *   system.json    made once: the system's id, and the port that agents know
 *   server.json    of the running server: pid, agent address, since when; gone after a clean stop
 *   retention.json how far retention has come; not there where nothing was ever removed
 *
 * All are replaced atomically, so a reader sees the old one or the new one, never half of one. What is written beside
 * them has a name nobody else has: two servers that start at once may share a process, or be number 1 of two containers.
 */
import { randomUUID } from "node:crypto";
import { readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf, TroupeError } from "../actors/kernel/index.ts";
import { fileRefusal, makeFolders } from "../actors/persistence/index.ts";

/** What stays the same over all servers that ever serve this folder. */
export interface SystemFile {
  /** Marks what providers start for this folder, so that it is found again after a crash. */
  readonly systemId: string;
  /** Where agents dialled last: taken again when no port is asked for, so that they find back. */
  readonly agentPort?: number;
  /** The journal that logs and agents of this folder belong to. */
  readonly journal?: JournalPlace;
}

export interface JournalPlace {
  readonly in: "folder" | "kafka";
  readonly id: string;
}

/** Of what retention has removed so far, the newest: its time in ms. */
export interface RetentionFile {
  readonly logs?: number;
  readonly files?: number;
}

/** What is true while one server process runs. */
export interface ServerFile {
  readonly pid: number;
  readonly version: string;
  readonly system: string;
  /** `host:port`, as agents dial it. */
  readonly agentAddress: string;
  readonly startedAtMs: number;
}

/** Makes the folder if need be, and makes sure that it can be written. Returns its real path. */
export async function openDataFolder(dataDir: string): Promise<string> {
  try {
    await makeFolders(dataDir, 0o700);
    const folder = await realpath(dataDir);
    const probe = join(folder, `.writable-${randomUUID()}`);
    await writeFile(probe, "troupe\n", { mode: 0o600 });
    await rm(probe);
    return folder;
  } catch (error) {
    throw folderError(dataDir, error);
  }
}

export function readSystemFile(dataDir: string): Promise<SystemFile | undefined> {
  return readJson<SystemFile>(join(dataDir, "system.json"));
}

export function writeSystemFile(dataDir: string, file: SystemFile): Promise<void> {
  return replaceJson(dataDir, "system.json", file);
}

/** undefined = nothing was ever removed. */
export function readRetentionFile(dataDir: string): Promise<RetentionFile | undefined> {
  return readJson<RetentionFile>(join(dataDir, "retention.json"));
}

export function writeRetentionFile(dataDir: string, file: RetentionFile): Promise<void> {
  return replaceJson(dataDir, "retention.json", file);
}

/** undefined = no server has been started here, or the last one stopped cleanly. */
export function readServerFile(dataDir: string): Promise<ServerFile | undefined> {
  return readJson<ServerFile>(join(dataDir, "server.json"));
}

export function writeServerFile(dataDir: string, file: ServerFile): Promise<void> {
  return replaceJson(dataDir, "server.json", file);
}

export function removeServerFile(dataDir: string): Promise<void> {
  return rm(join(dataDir, "server.json"), { force: true });
}

async function readJson<File>(path: string): Promise<File | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as File;
  } catch (error) {
    const got = reasonOf(error);
    const expected = "a file that a server wrote; remove it if it was edited by hand";
    throw new TroupeError(
      "TROUPE_OPTION_INVALID",
      { option: path, expected, got },
      { cause: error },
    );
  }
}

async function replaceJson(dataDir: string, name: string, file: object): Promise<void> {
  const path = join(dataDir, name);
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw folderError(dataDir, error);
  }
}

/** The file system's refusal in the words that the journal has for the same. */
function folderError(dataDir: string, error: unknown): unknown {
  const refusal = fileRefusal(error);
  const reason = reasonOf(error);
  const details = { journal: dataDir, reason };
  if (refusal === "forbidden") {
    return new TroupeError("TROUPE_JOURNAL_READ_ONLY", details, { cause: error });
  }
  if (refusal === "full") {
    return new TroupeError("TROUPE_JOURNAL_FULL", details, { cause: error });
  }
  if (refusal === undefined) return error;
  const expected = "a folder, or a path where one can be made";
  const got = `${dataDir} (${reason})`;
  return new TroupeError(
    "TROUPE_OPTION_INVALID",
    { option: "dataDir", expected, got },
    { cause: error },
  );
}
