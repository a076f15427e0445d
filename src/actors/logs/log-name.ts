/**
 * File names for what users name: two different names never share a file, also where the file
 * system ignores case; no name leaves its folder; none is too long.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { AttemptKey } from "./log-store.ts";

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
  return join(directory, safeName(runId), `${safeName(job)}.${attempt}.log`);
}

/** An empty file of this name beside a log says that the log is whole. */
export function sealPath(path: string): string {
  return `${path}.sealed`;
}
