/** Entries are kept apart by pipeline, and by what they keep: an archive of other paths would be of no use. Pure. */
import { createHash } from "node:crypto";

export function cacheScope(pipeline: string, paths: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(paths)).digest("hex");
  return `${pipeline}/${hash.slice(0, 16)}`;
}

/** Whose caches they are. What stands behind the last slash is of the paths. */
export function pipelineOfScope(scope: string): string {
  const slash = scope.lastIndexOf("/");
  return slash < 0 ? scope : scope.slice(0, slash);
}
