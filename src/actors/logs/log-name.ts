/**
 * File names for what users name: two different names never share a file, also where the file
 * system ignores case; no name leaves its folder; none is too long.
 */
import { createHash } from "node:crypto";
import { join, relative, sep } from "node:path";
import type { AttemptKey } from "./log-store.ts";

const logEnding = ".log";
const timesEnding = ".times";

/** Most file systems take 255 bytes a name; this leaves room for the attempt and the suffix. */
const nameCharactersMax = 180;

/**
 * Lower-case letters, digits, `-` and `_` stay as they are, every other byte of the UTF-8 form becomes
 * `%hh`. A name that would get too long keeps its beginning and gets a hash after `~`, which the
 * first form never contains.
 */
export function safeName(name: string): string {
  let safe = "";
  for (const byte of Buffer.from(name, "utf8")) {
    const character = String.fromCharCode(byte);
    safe += /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  if (safe.length <= nameCharactersMax) return safe;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 40);
  return `${safe.slice(0, nameCharactersMax - hash.length - 1)}~${hash}`;
}

export function logPath(directory: string, { runId, job, attempt }: AttemptKey): string {
  return join(directory, safeName(runId), `${safeName(job)}.${attempt}${logEnding}`);
}

/** Where blobs keep a log once it has ended. */
export function blobKeyOf({ runId, job, attempt }: AttemptKey): string {
  return `${logBlobs}${safeName(runId)}/${safeName(job)}.${attempt}`;
}

/** All that `blobKeyOf` gives begins with it. */
export const logBlobs = "logs/";

/** The blob's key for a log's file, and back: both are made of the same safe names. */
export function blobKeyOfPath(directory: string, path: string): string {
  return `${logBlobs}${relative(directory, path).replaceAll(sep, "/").slice(0, -logEnding.length)}`;
}

export function pathOfBlobKey(directory: string, key: string): string {
  return join(directory, `${key.slice(logBlobs.length)}${logEnding}`);
}

/** The file, or the blob, of this name beside a log says when its bytes came. No log's own name ends so. */
export function timesPath(log: string): string {
  return `${log}${timesEnding}`;
}

/** The log that a name belongs to: its own, or that of its times. */
export function withoutTimes(name: string): string {
  return name.endsWith(timesEnding) ? name.slice(0, -timesEnding.length) : name;
}

/** An empty file of this name beside a log says that the log is whole. */
export function sealPath(path: string): string {
  return `${path}.sealed`;
}

/** What the name of a log's file says. A long name says it by its hash only. */
export class LogName {
  /** undefined: it was too long, and can be recognised, but not read back. */
  readonly runId: string | undefined;
  readonly attempt: number;
  readonly #run: string;
  readonly #job: string;

  private constructor(run: string, job: string, attempt: number) {
    this.runId = nameOf(run);
    this.attempt = attempt;
    this.#run = run;
    this.#job = job;
  }

  /** undefined: nobody's log. */
  static of(directory: string, path: string): LogName | undefined {
    const [run = "", file = ""] = relative(directory, path).split(sep);
    const [, job, attempt] = /^(.+)\.(\d+)\.log$/.exec(file) ?? [];
    return run === "" || job === undefined ? undefined : new LogName(run, job, Number(attempt));
  }

  isOfRun(runId: string): boolean {
    return safeName(runId) === this.#run;
  }

  isOfJob(job: string): boolean {
    return safeName(job) === this.#job;
  }
}

/** `safeName` the other way; undefined for what it did not make. */
function nameOf(safe: string): string | undefined {
  const bytes = safe.replaceAll(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const name = Buffer.from(bytes, "latin1").toString("utf8");
  return name !== "" && safeName(name) === safe ? name : undefined;
}
