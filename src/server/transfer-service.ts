/**
 * The gRPC service through which agents store and fetch files of jobs.
 *
 *  T1. Who calls is authenticated as for a session; what an agent may do is asked of the run: store for an
 *      attempt that is with it, and read what that attempt was given. Everything else is refused and counted.
 *  T2. An upload goes on where an earlier try ended, and counts only when its content has the promised hash. What is
 *      stored already is sent all the same: its hash says neither that it is here nor that the agent has it.
 *      The run is told what came whole; a result may name nothing else.
 *  T3. Caches have a store of their own: none of them is ever taken for what a job has left, or the reverse. A cache gets its
 *      name with its bytes, so nobody can name what he does not have.
 *  T4. Bytes go at the pace of the slower side; nothing is held whole.
 */
import {
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import type { AttemptRef } from "../../proto/troupe/agent/v1/agent.ts";
import type {
  CacheName,
  FindCacheRequest,
  FindCacheResponse,
  GetBlobRequest,
  GetBlobResponse,
  PutBlobRequest,
  PutBlobResponse,
  TransferServiceServer,
} from "../../proto/troupe/agent/v1/transfer.ts";
import { type BlobStore, contentKey } from "../actors/blobs/index.ts";
import type { Caches } from "../actors/caches/index.ts";
import { isTroupeError, type Logger } from "../actors/kernel/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import { type AttemptGrant, type AttemptKey, attemptId } from "../actors/workers/index.ts";
import type { Caller } from "./agent-admission.ts";
import { attemptOf } from "./agent-messages.ts";
import { bufferOver } from "./buffer-over.ts";
import { findCache, mayRead, mayUse, saveCache } from "./cache-requests.ts";
import type { FilesInUse } from "./file-sweep.ts";
import { serviceErrorOf } from "./grpc-errors.ts";
import { streamOutput } from "./stream-output.ts";

export interface TransferServiceOptions {
  readonly blobs: BlobStore;
  readonly caches: Caches;
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
    findCache: (call, reply) => {
      const answered = find(options, call);
      answered.then(
        (response) => reply(null, response),
        (error: unknown) => reply(statusOf(error)),
      );
    },
  };
}

async function find(
  options: TransferServiceOptions,
  call: ServerUnaryCall<FindCacheRequest, FindCacheResponse>,
): Promise<FindCacheResponse> {
  const { grant } = await granted(options, call, call.request.attempt);
  const found = await findCache(options.caches, grant, call.request);
  if (found !== undefined) return found;
  throw refused(options, "this attempt may not use that cache");
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
  const { attempt: ref, sha256, bytes, cache } = message.value;
  const { attempt, agentId, grant } = await granted(options, call, ref);
  checkHash(sha256);
  if (cache !== undefined) checkCache(options, { grant, cache, bytes });
  const upload = `${attemptId(attempt)}/${sha256}`;
  const source = (offset: number): AsyncIterable<Uint8Array> => {
    call.write({ message: { $case: "offset", value: offset } });
    return dataOf(requests);
  };
  const put = { sha256, upload, bytesMax: bytes, whole: true };
  if (cache !== undefined) {
    const blob = await options.caches.blobs.put(source, put);
    const value = await saveCache(options.caches, grant, { ...cache, sha256, bytes: blob.bytes });
    call.write({ message: { $case: "stored", value } });
    return;
  }
  await options.filesInUse.during(sha256, async () => {
    const blob = await options.blobs.put(source, put);
    const kept = await options.runs.stored(attempt, agentId, { sha256, bytes: blob.bytes });
    if (!kept) throw refused(options, "this attempt has ended, or has stored too many files");
    options.logger.debug("stored a file of a job", { key: blob.key, bytes: blob.bytes });
  });
  call.write({ message: { $case: "stored", value: true } });
}

function checkCache(
  options: TransferServiceOptions,
  { grant, cache, bytes }: { grant: AttemptGrant; cache: CacheName; bytes: number },
): void {
  if (!mayUse(grant, cache)) throw refused(options, "this attempt may not use that cache");
  const { bytesMax } = options.caches;
  if (bytes <= bytesMax) return;
  const reason = `it takes ${bytes} bytes, and all caches together may take ${bytesMax} bytes`;
  throw new Refusal(status.RESOURCE_EXHAUSTED, reason);
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
  const { attempt, sha256, offset, cache } = call.request;
  const { grant } = await granted(options, call, attempt);
  const isGiven = cache
    ? await mayRead(options.caches, grant, sha256)
    : grant.given.some((file) => file.sha256 === sha256);
  if (!isGiven) {
    throw refused(options, "this attempt was not given that file");
  }
  const output = streamOutput(call);
  const store = cache ? options.caches.blobs : options.blobs;
  for await (const data of store.get(contentKey(sha256), { offset })) {
    await output.send({ data: bufferOver(data) });
  }
}

interface Granted {
  readonly attempt: AttemptKey;
  readonly agentId: string;
  /** What the attempt may do. */
  readonly grant: AttemptGrant;
}

/** Throws for an attempt that is not with this agent. */
async function granted(
  options: TransferServiceOptions,
  call: Caller,
  ref: AttemptRef | undefined,
): Promise<Granted> {
  const { agentId } = await options.identify(call);
  const attempt = attemptOf(ref);
  const grant = attempt === undefined ? undefined : await options.runs.grant(attempt, agentId);
  if (attempt !== undefined && grant !== undefined) return { attempt, agentId, grant };
  throw refused(options, "this attempt is not with this agent");
}

function refused({ refused: count }: TransferServiceOptions, reason: string): Refusal {
  count();
  return new Refusal(status.PERMISSION_DENIED, reason);
}
