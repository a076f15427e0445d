/**
 * Where a folder keeps what:
 *
 *   content/ab/abcd…    content, by hash; two digits of it as a folder, so that none gets huge
 *   appended/<key>@     what grows; `@` stands in no key, so a blob and a folder never share a name
 *   uploads/<hash>      what is being put; the hash of its name, which may be any text
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { checkKey, contentKey, isContentKey } from "../blob-key.ts";

const appendedMark = "@";

export class BlobPaths {
  readonly content: string;
  readonly appended: string;
  readonly uploads: string;

  constructor(directory: string) {
    this.content = join(directory, "content");
    this.appended = join(directory, "appended");
    this.uploads = join(directory, "uploads");
  }

  /** Throws `TROUPE_NAME_INVALID`. */
  of(key: string): string {
    checkKey(key);
    if (!isContentKey(key)) return join(this.appended, `${key}${appendedMark}`);
    const hash = key.slice(key.indexOf("/") + 1);
    return join(this.content, hash.slice(0, 2), hash);
  }

  ofUpload(upload: string): string {
    return join(this.uploads, createHash("sha256").update(upload).digest("hex"));
  }

  /** The key of a file, given its path below `content` or `appended`; undefined for somebody else's file. */
  keyOf(kind: "content" | "appended", parts: readonly string[]): string | undefined {
    try {
      const name = parts.join("/");
      if (kind === "content") return contentKey(parts.at(-1) ?? "");
      if (!name.endsWith(appendedMark)) return undefined;
      const key = name.slice(0, -appendedMark.length);
      checkKey(key);
      return key;
    } catch {
      return undefined;
    }
  }
}
