/**
 * What may be in an archive of a job's files: plain files, folders, and links that stay within. A pure
 * judge of names; the same for packing, so that no job leaves what the next one must refuse.
 */
import { posix } from "node:path";
import { agentLimits } from "./limits.ts";

export interface ArchiveEntry {
  readonly path: string;
  /** As tar has it: `File`, `Directory`, `SymbolicLink`, and what is not taken. */
  readonly type: string;
  /** Of a link: where it leads. */
  readonly linkpath?: string | undefined;
  readonly size: number;
}

/** Judges the entries of one archive, one after the other. */
export class EntryJudge {
  /** As a file system that knows no case and no forms of accents would see them. */
  readonly #links = new Set<string>();
  readonly #within: readonly string[] | undefined;
  #entries = 0;
  #bytes = 0;

  /** With `within`, only what is below one of these paths is taken. */
  constructor(within?: readonly string[]) {
    this.#within = within?.map((path) => posix.normalize(path).replace(/\/$/, ""));
  }

  get entries(): number {
    return this.#entries;
  }

  /** Why it cannot be taken: a sentence for a person. undefined = it can. */
  problem({ path, type, linkpath, size }: ArchiveEntry): string | undefined {
    const shown = JSON.stringify(path.slice(0, 200));
    const { archiveEntriesMax, archiveUnpackedBytesMax } = agentLimits;
    if (++this.#entries > archiveEntriesMax) return `it has more than ${archiveEntriesMax} entries`;
    this.#bytes += size;
    if (!(size >= 0) || this.#bytes > archiveUnpackedBytesMax) {
      return `unpacked it takes more than ${archiveUnpackedBytesMax} bytes`;
    }
    const name = nameProblem(path);
    if (name !== undefined) return `the entry ${shown} ${name}`;
    if (!this.#isWithin(path)) return `the entry ${shown} is none of ${this.#within?.join(", ")}`;
    const behind = this.#linkBefore(path);
    if (behind !== undefined) return `the entry ${shown} lies behind the link ${behind}`;
    if (type === "Directory") return undefined;
    // The folder itself stays a folder, and a name is one name only.
    if (/(^|\/)\.?$/.test(path)) return `the entry ${shown} has no name of its own`;
    if (type === "File") return undefined;
    if (type !== "SymbolicLink") return `the entry ${shown} is a ${type}, neither file nor folder`;
    if (!staysWithin(path, linkpath ?? "")) {
      const where = JSON.stringify((linkpath ?? "").slice(0, 200));
      return `the link ${shown} leads outside, to ${where}`;
    }
    this.#links.add(folded(path));
    return undefined;
  }

  #isWithin(path: string): boolean {
    const at = posix.normalize(path).replace(/\/$/, "");
    return this.#within?.some((each) => at === each || at.startsWith(`${each}/`)) ?? true;
  }

  /** Nothing may be written through a link, wherever it leads. */
  #linkBefore(path: string): string | undefined {
    if (this.#links.size === 0) return undefined;
    const parts = folded(path).split("/");
    for (let count = 1; count < parts.length; count++) {
      const folder = parts.slice(0, count).join("/");
      if (this.#links.has(folder)) return JSON.stringify(folder);
    }
    return undefined;
  }
}

function nameProblem(path: string): string | undefined {
  if (path.includes("\0") || path === "") return "has no proper name";
  if (path.length > agentLimits.archivePathCharsMax) return "has too long a name";
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path) || path.includes("\\")) {
    return "is not relative";
  }
  return path.split("/").includes("..") ? "leads outside" : undefined;
}

/**
 * Judged by its text alone, and so that links after links cannot add up to a way out: no `..` after the
 * first name.
 */
function staysWithin(path: string, target: string): boolean {
  if (target === "" || nameProblem(target.replaceAll("../", "")) !== undefined) return false;
  if (!/^(\.\.\/)*(?!.*(^|\/)\.\.(\/|$))|^(\.\.\/)*\.\.$/.test(target)) return false;
  const at = posix.normalize(posix.join(posix.dirname(path), target));
  return at !== ".." && !at.startsWith("../");
}

function folded(path: string): string {
  return posix.normalize(path).replace(/\/$/, "").normalize("NFC").toLowerCase();
}
