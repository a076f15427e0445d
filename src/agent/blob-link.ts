/** The transfer service over gRPC, one connection for all transfers of one identity. */
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  status as grpcStatus,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  type FindCacheResponse,
  type GetBlobResponse,
  type PutBlobRequest,
  type PutBlobResponse,
  type TransferServiceClient,
} from "../../proto/troupe/agent/v1/transfer.ts";
import {
  type BlobLink,
  type BlobRequest,
  type BlobStart,
  type CacheQuestion,
  type FoundCache,
  TransferRefusedError,
} from "./transfers.ts";

export class GrpcBlobLink implements BlobLink {
  readonly #client: TransferServiceClient;
  readonly #metadata: Metadata;

  constructor(client: TransferServiceClient, metadata: Metadata) {
    this.#client = client;
    this.#metadata = metadata;
  }

  async put(
    start: BlobStart,
    bytesFrom: (offset: number) => AsyncIterable<Uint8Array>,
    stopped: AbortSignal,
  ): Promise<boolean> {
    const call = this.#client.putBlob(this.#metadata);
    const cancel = (): void => call.cancel();
    stopped.addEventListener("abort", cancel, { once: true });
    const failed = new Promise<never>((_, reject) => call.once("error", reject));
    try {
      call.write({ message: { $case: "start", value: { cache: undefined, ...start } } });
      return await Promise.race([putAll(call, bytesFrom), failed]);
    } catch (error) {
      throw errorOf(error);
    } finally {
      // What is said of a call that has ended is of no interest any more.
      stopped.removeEventListener("abort", cancel);
      failed.catch(() => {});
      call.on("error", () => {});
      call.cancel();
    }
  }

  async *get(request: BlobRequest, stopped: AbortSignal): AsyncIterable<Uint8Array> {
    const call: ClientReadableStream<GetBlobResponse> = this.#client.getBlob(
      { cache: false, ...request },
      this.#metadata,
    );
    const cancel = (): void => call.cancel();
    stopped.addEventListener("abort", cancel, { once: true });
    try {
      for await (const { data } of call as AsyncIterable<GetBlobResponse>) yield data;
    } catch (error) {
      throw errorOf(error);
    } finally {
      stopped.removeEventListener("abort", cancel);
      call.on("error", () => {});
      call.cancel();
    }
  }

  async findCache(
    { attempt, cache, key, restoreKeys }: CacheQuestion,
    stopped: AbortSignal,
  ): Promise<FoundCache | undefined> {
    const request = { attempt, cache, key, restoreKeys: [...restoreKeys] };
    const found = await this.#ask<FindCacheResponse>(stopped, (reply) =>
      this.#client.findCache(request, this.#metadata, reply),
    );
    const { file } = found;
    return found.key === "" || file === undefined ? undefined : { key: found.key, file };
  }

  #ask<Response>(
    stopped: AbortSignal,
    start: (reply: (error: ServiceError | null, response: Response) => void) => ClientUnaryCall,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const call = start((error, response) => {
        stopped.removeEventListener("abort", cancel);
        if (error === null) resolve(response);
        else reject(errorOf(error));
      });
      const cancel = (): void => call.cancel();
      stopped.addEventListener("abort", cancel, { once: true });
    });
  }

  close(): void {
    this.#client.close();
  }
}

async function putAll(
  call: ClientDuplexStream<PutBlobRequest, PutBlobResponse>,
  bytesFrom: (offset: number) => AsyncIterable<Uint8Array>,
): Promise<boolean> {
  const answers = (call as AsyncIterable<PutBlobResponse>)[Symbol.asyncIterator]();
  let answer = await answers.next();
  if (answer.done !== true && answer.value.message?.$case === "offset") {
    for await (const data of bytesFrom(answer.value.message.value)) {
      const goesOn = call.write({ message: { $case: "data", value: data as Buffer } });
      if (!goesOn) await new Promise((resolve) => call.once("drain", resolve));
    }
    call.end();
    answer = await answers.next();
  }
  if (answer.done !== true && answer.value.message?.$case === "stored") {
    return answer.value.message.value;
  }
  throw new Error("the server ended the transfer");
}

const refusals: ReadonlySet<grpcStatus> = new Set([
  grpcStatus.PERMISSION_DENIED,
  grpcStatus.NOT_FOUND,
  grpcStatus.INVALID_ARGUMENT,
  grpcStatus.FAILED_PRECONDITION,
  grpcStatus.RESOURCE_EXHAUSTED,
  grpcStatus.UNIMPLEMENTED,
]);

function errorOf(error: unknown): unknown {
  const { code, details } = error as ServiceError;
  return refusals.has(code) ? new TransferRefusedError(details, { cause: error }) : error;
}
