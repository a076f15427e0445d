/**
 * A client of a server's control service: promises and async iterables over the generated one,
 * the messages exactly as the proto has them, errors as the server threw them.
 */
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  type AllowAgentRequest,
  type AllowAgentResponse,
  type CancelRunRequest,
  type CancelRunResponse,
  ControlServiceClient,
  type CreateTokenRequest,
  type CreateTokenResponse,
  type DeleteCachesRequest,
  type DeleteCachesResponse,
  type DenyAgentRequest,
  type DenyAgentResponse,
  type GetRunRequest,
  type GetRunResponse,
  type GetServerRequest,
  type GetServerResponse,
  type ListActorsRequest,
  type ListActorsResponse,
  type ListAuditRequest,
  type ListAuditResponse,
  type ListAuthoritiesRequest,
  type ListAuthoritiesResponse,
  type ListCachesRequest,
  type ListCachesResponse,
  type ListRunsRequest,
  type ListRunsResponse,
  type ListWorkersRequest,
  type ListWorkersResponse,
  type OutlineLogRequest,
  type OutlineLogResponse,
  type ReadJobFileRequest,
  type ReadJobFileResponse,
  type ReadLogRequest,
  type ReadLogResponse,
  type RotateAuthorityRequest,
  type RotateAuthorityResponse,
  type SubmitRunRequest,
  type SubmitRunResponse,
  type UploadWorkspaceRequest,
  type WatchRunRequest,
  type WatchRunResponse,
  type Workspace,
} from "../../proto/troupe/control/v1/control.ts";
import { limits, TroupeError } from "../actors/kernel/index.ts";
import { socketAddress } from "./control-socket.ts";
import { isCancelled, troupeErrorOf } from "./grpc-errors.ts";

type SubmitRequest = Omit<SubmitRunRequest, "workspace"> &
  Partial<Pick<SubmitRunRequest, "workspace">>;

export interface ControlClient {
  getServer(request: GetServerRequest): Promise<GetServerResponse>;
  submitRun(request: SubmitRequest): Promise<SubmitRunResponse>;
  getRun(request: GetRunRequest): Promise<GetRunResponse>;
  listRuns(request: ListRunsRequest): Promise<ListRunsResponse>;
  cancelRun(request: CancelRunRequest): Promise<CancelRunResponse>;
  /** Pieces of a gzipped tar, at the pace of the server. */
  uploadWorkspace(pieces: AsyncIterable<Uint8Array>): Promise<Workspace>;
  /** Leaving the loop, or `signal`, ends the reading at once. */
  readJobFile(
    request: ReadJobFileRequest,
    signal?: AbortSignal,
  ): AsyncIterable<ReadJobFileResponse>;
  /** Ends when the run has ended. Leaving the loop, or `signal`, ends the watch at once. */
  watchRun(request: WatchRunRequest, signal?: AbortSignal): AsyncIterable<WatchRunResponse>;
  /** Leaving the loop, or `signal`, ends the reading at once. */
  readLog(request: ReadLogRequest, signal?: AbortSignal): AsyncIterable<ReadLogResponse>;
  /** What stored logs say of themselves. Leaving the loop, or `signal`, ends the reading at once. */
  outlineLog(request: OutlineLogRequest, signal?: AbortSignal): AsyncIterable<OutlineLogResponse>;
  createToken(request: CreateTokenRequest): Promise<CreateTokenResponse>;
  denyAgent(request: DenyAgentRequest): Promise<DenyAgentResponse>;
  allowAgent(request: AllowAgentRequest): Promise<AllowAgentResponse>;
  listAudit(request: ListAuditRequest): Promise<ListAuditResponse>;
  listAuthorities(request: ListAuthoritiesRequest): Promise<ListAuthoritiesResponse>;
  rotateAuthority(request: RotateAuthorityRequest): Promise<RotateAuthorityResponse>;
  listCaches(request: ListCachesRequest): Promise<ListCachesResponse>;
  deleteCaches(request: DeleteCachesRequest): Promise<DeleteCachesResponse>;
  listWorkers(request: ListWorkersRequest): Promise<ListWorkersResponse>;
  listActors(request: ListActorsRequest): Promise<ListActorsResponse>;
  /** Ends the connection; calls under way fail. */
  close(): void;
}

export type ConnectControlOptions = (
  | {
      /** The data folder that the server serves: reached through its unix socket. */
      readonly dataDir: string;
    }
  | {
      /** A gRPC target, such as `unix:/run/troupe.sock`. */
      readonly address: string;
    }
) & {
  /** Of each call that is not a stream, in ms. Default 30,000. */
  readonly timeoutMs?: number;
};

/** Connects to a server. Throws `TROUPE_SERVER_UNREACHABLE` when none answers there. */
export async function connectControl(options: ConnectControlOptions): Promise<ControlClient> {
  const timeoutMs = options.timeoutMs ?? limits.controlCallTimeoutMs;
  const server = "dataDir" in options ? options.dataDir : options.address;
  const target = "dataDir" in options ? await socketAddress(options.dataDir) : options.address;
  if (target === undefined) {
    const reason = "it has no control socket";
    throw new TroupeError("TROUPE_SERVER_UNREACHABLE", { server, reason });
  }
  const grpc = new ControlServiceClient(target, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_http_proxy": 0,
    // A connection of its own: a server that sees a thousand calls given up at once on one takes that for an attack and
    // ends it, and no other client of this process should lose its calls by that.
    "grpc.use_local_subchannel_pool": 1,
  });
  const client = promised(grpc, server, timeoutMs);
  try {
    await client.getServer({});
  } catch (error) {
    client.close();
    throw error;
  }
  return client;
}

type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

function promised(grpc: ControlServiceClient, server: string, timeoutMs: number): ControlClient {
  const unary =
    <Request, Response>(name: string, call: Unary<Request, Response>) =>
    (request: Request): Promise<Response> =>
      new Promise((resolve, reject) => {
        const deadline = Date.now() + timeoutMs;
        call(request, new Metadata(), { deadline }, (error, response) => {
          if (error === null) resolve(response);
          else reject(troupeErrorOf(error, { name, server }));
        });
      });
  return {
    getServer: unary<GetServerRequest, GetServerResponse>("getServer", (...call) =>
      grpc.getServer(...call),
    ),
    submitRun: unary<SubmitRequest, SubmitRunResponse>("submitRun", (request, ...call) =>
      grpc.submitRun({ workspace: undefined, ...request }, ...call),
    ),
    getRun: unary<GetRunRequest, GetRunResponse>("getRun", (...call) => grpc.getRun(...call)),
    listRuns: unary<ListRunsRequest, ListRunsResponse>("listRuns", (...call) =>
      grpc.listRuns(...call),
    ),
    cancelRun: unary<CancelRunRequest, CancelRunResponse>("cancelRun", (...call) =>
      grpc.cancelRun(...call),
    ),
    createToken: unary<CreateTokenRequest, CreateTokenResponse>("createToken", (...call) =>
      grpc.createToken(...call),
    ),
    denyAgent: unary<DenyAgentRequest, DenyAgentResponse>("denyAgent", (...call) =>
      grpc.denyAgent(...call),
    ),
    allowAgent: unary<AllowAgentRequest, AllowAgentResponse>("allowAgent", (...call) =>
      grpc.allowAgent(...call),
    ),
    listAudit: unary<ListAuditRequest, ListAuditResponse>("listAudit", (...call) =>
      grpc.listAudit(...call),
    ),
    listAuthorities: unary<ListAuthoritiesRequest, ListAuthoritiesResponse>(
      "listAuthorities",
      (...call) => grpc.listAuthorities(...call),
    ),
    rotateAuthority: unary<RotateAuthorityRequest, RotateAuthorityResponse>(
      "rotateAuthority",
      (...call) => grpc.rotateAuthority(...call),
    ),
    listCaches: unary<ListCachesRequest, ListCachesResponse>("listCaches", (...call) =>
      grpc.listCaches(...call),
    ),
    deleteCaches: unary<DeleteCachesRequest, DeleteCachesResponse>("deleteCaches", (...call) =>
      grpc.deleteCaches(...call),
    ),
    listWorkers: unary<ListWorkersRequest, ListWorkersResponse>("listWorkers", (...call) =>
      grpc.listWorkers(...call),
    ),
    listActors: unary<ListActorsRequest, ListActorsResponse>("listActors", (...call) =>
      grpc.listActors(...call),
    ),
    watchRun: (request, signal) =>
      messages(() => grpc.watchRun(request), { name: "watchRun", server, signal }),
    readLog: (request, signal) =>
      messages(() => grpc.readLog(request), { name: "readLog", server, signal }),
    outlineLog: (request, signal) =>
      messages(() => grpc.outlineLog(request), { name: "outlineLog", server, signal }),
    readJobFile: (request, signal) =>
      messages(() => grpc.readJobFile(request), { name: "readJobFile", server, signal }),
    uploadWorkspace: (pieces) => upload(grpc, pieces, server),
    close: () => grpc.close(),
  };
}

function upload(
  grpc: ControlServiceClient,
  pieces: AsyncIterable<Uint8Array>,
  server: string,
): Promise<Workspace> {
  return new Promise((resolve, reject) => {
    const call = grpc.uploadWorkspace((error, response) => {
      if (error === null) resolve(response);
      else reject(troupeErrorOf(error, { name: "uploadWorkspace", server }));
    });
    const requests = async function* (): AsyncGenerator<UploadWorkspaceRequest> {
      for await (const piece of pieces) yield { data: Buffer.from(piece) };
    };
    pipeline(Readable.from(requests()), call as unknown as Writable).catch((error: unknown) => {
      call.cancel();
      reject(error);
    });
  });
}

interface StreamCall {
  readonly name: string;
  readonly server: string;
  readonly signal: AbortSignal | undefined;
}

async function* messages<Message>(
  open: () => ClientReadableStream<Message>,
  { name, server, signal }: StreamCall,
): AsyncGenerator<Message, void, undefined> {
  if (signal?.aborted) return;
  const stream = open();
  const cancel = (): void => stream.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    for await (const message of stream) yield message as Message;
  } catch (error) {
    if (!(signal?.aborted && isCancelled(error))) throw troupeErrorOf(error, { name, server });
  } finally {
    signal?.removeEventListener("abort", cancel);
    // Destroying the stream by leaving the loop does not tell the server; a cancel does.
    stream.on("error", () => {});
    stream.cancel();
  }
}
