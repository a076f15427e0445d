/** What a file system's refusal means, and how it is told to a person: which path, what was wanted, what to do. */
import { reasonOf, TroupeError } from "../../../kernel/index.ts";
import { errorCode } from "./file-system.ts";

/** `misplaced`: the path leads nowhere, or to something of another kind. */
export type FileRefusal = "forbidden" | "full" | "misplaced";

const refusals: Readonly<Record<string, FileRefusal>> = {
  EACCES: "forbidden",
  EPERM: "forbidden",
  EROFS: "forbidden",
  ENOSPC: "full",
  EDQUOT: "full",
  ENOENT: "misplaced",
  ENOTDIR: "misplaced",
  EISDIR: "misplaced",
  EEXIST: "misplaced",
  ENAMETOOLONG: "misplaced",
  ELOOP: "misplaced",
};

/** undefined = no refusal: the file system has failed, or something else has. */
export function fileRefusal(error: unknown): FileRefusal | undefined {
  return refusals[errorCode(error)];
}

/** What was asked of the file system. */
export interface FileWish {
  readonly path: string;
  readonly wanted: "read" | "written";
  /** The argument that names the path, and what it should be. */
  readonly option: string;
  readonly expected: string;
}

/** The wish of all who read a journal's folder. */
export function readingWish(directory: string): FileWish {
  return {
    path: directory,
    wanted: "read",
    option: "directory",
    expected: "a folder with a journal",
  };
}

/** The refusal as an error with a code of ours; any other error as it is. */
export function refusedFile(error: unknown, wish: FileWish): unknown {
  const refusal = fileRefusal(error);
  if (refusal === undefined) return error;
  const reason = reasonOf(error);
  const { path, option, expected, wanted } = wish;
  if (refusal === "misplaced") {
    const details = { option, expected, got: `${path} (${reason})` };
    return new TroupeError("TROUPE_OPTION_INVALID", details, { cause: error });
  }
  const right = wanted === "read" ? "read it" : "write there, or name another place";
  const advice =
    refusal === "full"
      ? "Free some space there, or name another place"
      : `Give this process the right to ${right}`;
  const details = { path, wanted, reason, advice };
  return new TroupeError("TROUPE_FILE_REFUSED", details, { cause: error });
}
