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
import type { StreamOutput } from "./stream-output.ts";

export interface JobFileServices {
  readonly runs: Pick<Runs, "leavings" | "view">;
  readonly blobs: BlobStore;
}

export async function uploadWorkspace(
  { blobs }: JobFileServices,
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
  { blobs }: JobFileServices,
  workspace: Workspace | undefined,
): Promise<StoredFile | undefined> {
  if (workspace === undefined) return undefined;
  const key = contentKey(workspace.sha256);
  const stat = await blobs.stat(key);
  if (stat === undefined) throw new TroupeError("TROUPE_BLOB_NOT_FOUND", { key });
  return { sha256: workspace.sha256, bytes: stat.bytes };
}

export async function readJobFile(
  { runs, blobs }: JobFileServices,
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
  for await (const data of blobs.get(contentKey(stored.sha256))) {
    await output.send({ data: bufferOver(data) });
  }
}
