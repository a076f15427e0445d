/**
 * The gRPC service through which agents store and fetch files of jobs.
 *
 *  T1. Who calls is authenticated as for a session; what an agent may do is asked of the run: store for an
 *      attempt that is with it, and read what that attempt was given. Everything else is refused and counted.
 *  T2. An upload goes on where an earlier try ended, and counts only when its content has the promised hash. What is
 *      stored already is sent all the same: its hash says neither that it is here nor that the agent has it.
 *      The run is told what came whole; a result may name nothing else.
 *  T3. Bytes go at the pace of the slower side; nothing is held whole.
 */
import {
  type ServerDuplexStream,
  type ServerWritableStream,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import type { AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";
import type {
  GetBlobRequest,
  GetBlobResponse,
  PutBlobRequest,
  PutBlobResponse,
  TransferServiceServer,
} from "../../proto/troupe/agent/v1/transfer.ts";
import { type BlobStore, contentKey } from "../actors/blobs/index.ts";
import { isTroupeError, type Logger } from "../actors/kernel/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import { type AttemptKey, attemptId, type StoredFile } from "../actors/workers/index.ts";
import type { Caller } from "./agent-admission.ts";
import { attemptOf } from "./agent-messages.ts";
import { bufferOver } from "./buffer-over.ts";
import type { FilesInUse } from "./file-sweep.ts";
import { serviceErrorOf } from "./grpc-errors.ts";
import { streamOutput } from "./stream-output.ts";

export interface TransferServiceOptions {
  readonly blobs: BlobStore;
  readonly runs: Pick<Runs, "grant" | "stored">;
  readonly filesInUse: FilesInUse;
  /** Who calls. Rejects with `TROUPE_AGENT_REFUSED`. */
  readonly identify: (caller: Caller) => Promise<{ readonly agentId: string }>;
  readonly logger: Logger;
  /** T1. */
  readonly refused: () => void;
}

/** The handlers, for `server.addService(TransferServiceService, …)`. */
export function transferHandlers(options: TransferServiceOptions): TransferServiceServer {
  return {
    putBlob: (call) => answer(call, putBlob(options, call)),
    getBlob: (call) => answer(call, getBlob(options, call)),
  };
}

type PutCall = ServerDuplexStream<PutBlobRequest, PutBlobResponse>;
type GetCall = ServerWritableStream<GetBlobRequest, GetBlobResponse>;

function answer(call: PutCall | GetCall, work: Promise<void>): void {
  // Without a listener, an error of a stream whose other end has gone would end the process.
  call.on("error", () => {});
  work.then(
    () => call.end(),
    (error: unknown) => {
      if (!call.cancelled) call.emit("error", statusOf(error));
    },
  );
}

/** What trying again does not change must not look as if it did. */
function statusOf(error: unknown): Partial<StatusObject> {
  if (error instanceof Refusal) return { code: error.code, details: error.message };
  if (isTroupeError(error, "TROUPE_BLOB_NOT_FOUND")) {
    return { code: status.NOT_FOUND, details: error.message };
  }
  if (
    isTroupeError(error, "TROUPE_BLOB_MISMATCH") ||
    isTroupeError(error, "TROUPE_BLOB_TOO_LARGE")
  ) {
    return { code: status.INVALID_ARGUMENT, details: error.message };
  }
  return serviceErrorOf(error);
}

class Refusal extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

async function putBlob(options: TransferServiceOptions, call: PutCall): Promise<void> {
  // The plain iterator destroys the stream when the last request has come, and the answer with it.
  const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterator<PutBlobRequest>;
  const first = await requests.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.$case !== "start") {
    throw new Refusal(status.INVALID_ARGUMENT, "expected `start` as the first message");
  }
  const { attempt: ref, sha256, bytes } = message.value;
  const { attempt, agentId } = await granted(options, call, ref);
  checkHash(sha256);
  const upload = `${attemptId(attempt)}/${sha256}`;
  const source = (offset: number): AsyncIterable<Uint8Array> => {
    call.write({ message: { $case: "offset", value: offset } });
    return dataOf(requests);
  };
  const put = { sha256, upload, bytesMax: bytes, whole: true };
  await options.filesInUse.during(sha256, async () => {
    const blob = await options.blobs.put(source, put);
    const kept = await options.runs.stored(attempt, agentId, { sha256, bytes: blob.bytes });
    if (!kept) throw refused(options, "this attempt has ended, or has stored too many files");
    options.logger.debug("stored a file of a job", { key: blob.key, bytes: blob.bytes });
  });
  call.write({ message: { $case: "stored", value: true } });
}

function checkHash(sha256: string): void {
  if (/^[0-9a-f]{64}$/.test(sha256)) return;
  throw new Refusal(status.INVALID_ARGUMENT, "a SHA-256 is 64 lower-case hex digits");
}

async function* dataOf(requests: AsyncIterator<PutBlobRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { message } = next.value;
    if (message?.$case !== "data") {
      throw new Refusal(status.INVALID_ARGUMENT, "expected `data` after `start`");
    }
    yield message.value;
  }
}

async function getBlob(options: TransferServiceOptions, call: GetCall): Promise<void> {
  const { attempt, sha256, offset } = call.request;
  const { given } = await granted(options, call, attempt);
  if (!given.some((file) => file.sha256 === sha256)) {
    throw refused(options, "this attempt was not given that file");
  }
  const output = streamOutput(call);
  for await (const data of options.blobs.get(contentKey(sha256), { offset })) {
    await output.send({ data: bufferOver(data) });
  }
}

interface Grant {
  readonly attempt: AttemptKey;
  readonly agentId: string;
  /** What the attempt may read. */
  readonly given: readonly StoredFile[];
}

/** Throws for an attempt that is not with this agent. */
async function granted(
  options: TransferServiceOptions,
  call: Caller,
  ref: AttemptRef | undefined,
): Promise<Grant> {
  const { agentId } = await options.identify(call);
  const attempt = attemptOf(ref);
  const given = attempt === undefined ? undefined : await options.runs.grant(attempt, agentId);
  if (attempt !== undefined && given !== undefined) return { attempt, agentId, given };
  throw refused(options, "this attempt is not with this agent");
}

function refused({ refused: count }: TransferServiceOptions, reason: string): Refusal {
  count();
  return new Refusal(status.PERMISSION_DENIED, reason);
}
