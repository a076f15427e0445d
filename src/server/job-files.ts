/** Files of jobs for people's tools: a workspace comes in with a run, what jobs left goes out. */
import type { ServerReadableStream } from "@grpc/grpc-js";
import {
  JobFile,
  type ReadJobFileRequest,
  type ReadJobFileResponse,
  type UploadWorkspaceRequest,
  type UploadWorkspaceResponse,
  type Workspace,
} from "../../proto/troupe/control/v1/control.ts";
import { type BlobStore, contentKey } from "../actors/blobs/index.ts";
import { TroupeError } from "../actors/kernel/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import type { StoredFile } from "../actors/workers/index.ts";
import { bufferOver } from "./buffer-over.ts";
import type { RetentionMarks } from "./retention-marks.ts";
import type { StreamOutput } from "./stream-output.ts";

export interface JobFileServices {
  readonly runs: Pick<Runs, "leavings" | "view">;
  readonly blobs: BlobStore;
  readonly marks: Pick<RetentionMarks, "check">;
}

export async function uploadWorkspace(
  { blobs }: Pick<JobFileServices, "blobs">,
  call: ServerReadableStream<UploadWorkspaceRequest, UploadWorkspaceResponse>,
): Promise<UploadWorkspaceResponse> {
  const { sha256, bytes } = await blobs.put(() => dataOf(call));
  return { sha256, bytes };
}

async function* dataOf(
  requests: AsyncIterable<UploadWorkspaceRequest>,
): AsyncGenerator<Uint8Array> {
  for await (const { data } of requests) yield data;
}

/** The workspace that a submit names. Throws for one that was never uploaded here. */
export async function workspaceOf(
  { blobs }: Pick<JobFileServices, "blobs">,
  workspace: Workspace | undefined,
): Promise<StoredFile | undefined> {
  if (workspace === undefined) return undefined;
  const key = contentKey(workspace.sha256);
  const stat = await blobs.stat(key);
  if (stat === undefined) throw new TroupeError("TROUPE_BLOB_NOT_FOUND", { key });
  return { sha256: workspace.sha256, bytes: stat.bytes };
}

export async function readJobFile(
  { runs, blobs, marks }: JobFileServices,
  { runId, job, file }: ReadJobFileRequest,
  output: StreamOutput<ReadJobFileResponse>,
): Promise<void> {
  const leavings = await runs.leavings(runId, job);
  if (leavings === undefined) {
    const run = await runs.view(runId);
    if (run === undefined) throw new TroupeError("TROUPE_RUN_NOT_FOUND", { run: runId });
    const known = run.jobs.map(({ name }) => name);
    throw new TroupeError("TROUPE_JOB_NOT_FOUND", { run: runId, job, known });
  }
  const stored = file === JobFile.SUMMARY ? leavings.summary : leavings.artifacts;
  const what = file === JobFile.SUMMARY ? "summary" : "artifacts";
  if (stored === undefined)
    throw new TroupeError("TROUPE_JOB_FILE_NOT_FOUND", { run: runId, job, what });
  const key = contentKey(stored.sha256);
  if ((await blobs.stat(key)) === undefined) {
    const run = await runs.view(runId);
    if (run !== undefined)
      marks.check("files", { run: run.summary, name: `${what} of job ${job}` });
  }
  for await (const data of blobs.get(key)) {
    await output.send({ data: bufferOver(data) });
  }
}
