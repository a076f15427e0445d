/**
 * Does the store have what a result names? The jobs after this one would otherwise find out, or get what somebody
 * stores under that hash later.
 */
import { type BlobStore, contentKey } from "../actors/blobs/index.ts";
import type { AttemptResult } from "../actors/workers/index.ts";

/** The result as it is, or a failure that says which file is not there. */
export async function withStoredFiles(
  blobs: Pick<BlobStore, "stat">,
  result: AttemptResult,
): Promise<AttemptResult> {
  for (const name of ["artifacts", "summary"] as const) {
    const file = result[name];
    if (file === undefined) continue;
    const stored = await blobs.stat(contentKey(file.sha256));
    if (stored?.bytes === file.bytes) continue;
    const { artifacts: _artifacts, summary: _summary, ...rest } = result;
    const bytes = stored === undefined ? "none are stored" : `${stored.bytes} are stored`;
    const reason = `the agent named ${name} of ${file.bytes} bytes, and ${bytes}`;
    return { ...rest, outcome: "failed", reason };
  }
  return result;
}
