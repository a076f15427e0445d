/**
 * Keys that every store can have as they are: lower-case, so that file systems which ignore case
 * tell them apart; no part is `.` or `..`; short enough for an object store with a prefix.
 */
import { limits, TroupeError } from "../kernel/index.ts";

/** The keys of all content begin with it. */
export const contentBlobs = "sha256/";
const contentPattern = /^sha256\/[0-9a-f]{64}$/;
const hashPattern = /^[0-9a-f]{64}$/;
const appendedPattern = /^[a-z0-9_%~-][a-z0-9_%~.-]*(\/[a-z0-9_%~-][a-z0-9_%~.-]*)+$/;

/** The key of the content with this SHA-256. Throws `TROUPE_NAME_INVALID`. */
export function contentKey(sha256: string): string {
  if (!hashPattern.test(sha256)) {
    const problem = "a SHA-256 is 64 lower-case hex digits";
    throw new TroupeError("TROUPE_NAME_INVALID", { name: sha256, problem });
  }
  return contentBlobs + sha256;
}

export function isContentKey(key: string): boolean {
  return contentPattern.test(key);
}

/** Throws `TROUPE_NAME_INVALID` for what is no key of either kind. */
export function checkKey(key: string): void {
  if (!isContentKey(key)) checkAppendedKey(key);
}

/** Throws `TROUPE_NAME_INVALID` for what cannot be appended to. */
export function checkAppendedKey(key: string): void {
  const problem = problemOf(key);
  if (problem !== undefined) throw new TroupeError("TROUPE_NAME_INVALID", { name: key, problem });
}

function problemOf(key: string): string | undefined {
  if (key.length > limits.blobNameCharactersMax) {
    return `it has ${key.length} characters, and ${limits.blobNameCharactersMax} are allowed`;
  }
  if (key.startsWith(contentBlobs)) {
    return "what begins with sha256/ is content: it is put whole, and named by its 64 hex digits";
  }
  if (appendedPattern.test(key)) return undefined;
  return "a blob's key is two or more parts of a-z 0-9 _ % ~ . - with / between, none beginning with a dot";
}
