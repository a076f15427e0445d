/**
 * The gRPC service for people's tools: translates between the proto and the runs, workers, logs and
 * tokens of the system, and decides nothing itself.
 */
import { setMaxListeners } from "node:events";
import {
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import type {
  CancelRunRequest,
  ControlServiceServer,
  GetRunRequest,
  GetRunResponse,
  ListRunsRequest,
  ListRunsResponse,
  SubmitRunRequest,
  SubmitRunResponse,
  WatchRunRequest,
  WatchRunResponse,
} from "../../proto/troupe/control/v1/control.ts";
import type { BlobStore } from "../actors/blobs/index.ts";
import {
  type Clock,
  type Kernel,
  type Logger,
  limits,
  type Random,
  TroupeError,
} from "../actors/kernel/index.ts";
import type { LogStore } from "../actors/logs/index.ts";
import { invalidPipeline, parseDefinition, type Runs } from "../actors/pipelines/index.ts";
import type { System } from "../actors/system/index.ts";
import type { Workers } from "../actors/workers/index.ts";
import { type CacheServices, deleteCaches, listCaches } from "./cache-listing.ts";
import type { FilesInUse } from "./file-sweep.ts";
import { serviceErrorOf } from "./grpc-errors.ts";
import {
  allowAgent,
  createToken,
  denyAgent,
  type IdentityServices,
  listAudit,
  listAuthorities,
  rotateAuthority,
} from "./identity-requests.ts";
import { readJobFile, uploadWorkspace, workspaceOf } from "./job-files.ts";
import { outlineLog } from "./log-outline.ts";
import { readLog } from "./log-reading.ts";
import type { RetentionMarks } from "./retention-marks.ts";
import {
  actorMessage,
  entityMessage,
  runMessage,
  summaryMessage,
  type WaitingReasons,
  workerMessage,
} from "./run-messages.ts";
import { watchRun } from "./run-watch.ts";
import { type StreamOutput, streamOutput } from "./stream-output.ts";

export interface ControlServices extends IdentityServices, CacheServices {
  readonly runs: Runs;
  readonly workers: Workers;
  readonly logs: LogStore;
  readonly blobs: BlobStore;
  readonly filesInUse: FilesInUse;
  readonly marks: RetentionMarks;
  readonly system: { readonly kernel: Pick<Kernel, "actors"> } & Pick<System, "entities">;
  readonly clock: Clock;
  readonly random: Random;
  /** Why no agent could be started, if that is so: what queued jobs wait for. */
  readonly supplyProblem: () => string | undefined;
}

export interface ControlServiceOptions {
  /** Calls that come before the system is open wait for it; they fail if it cannot be opened. */
  readonly services: Promise<ControlServices>;
  /** Fires when the server stops: streams end, whoever still listens. */
  readonly stopping: AbortSignal;
  readonly logger: Logger;
}

const runIdCharactersMax = 128;
const runsListed = 50;

/** The handlers, for `server.addService(ControlServiceService, …)`. */
export function controlHandlers(options: ControlServiceOptions): ControlServiceServer {
  // Every open stream listens to it, and thousands are no leak.
  setMaxListeners(0, options.stopping);
  return {
    getServer: unary(options, async ({ server }) => server),
    submitRun: unary(options, submitRun),
    uploadWorkspace: uploaded(options, uploadWorkspace),
    readJobFile: streamed(options, readJobFile),
    getRun: unary(options, getRun),
    listRuns: unary(options, listRuns),
    cancelRun: unary(options, ({ runs }, { runId, reason }: CancelRunRequest) =>
      runs.cancel(runId, reason || "cancelled by request"),
    ),
    watchRun: streamed(options, watch),
    readLog: streamed(options, readLog),
    outlineLog: streamed(options, outlineLog),
    createToken: unary(options, createToken),
    denyAgent: unary(options, denyAgent),
    allowAgent: unary(options, allowAgent),
    listAudit: unary(options, listAudit),
    listAuthorities: unary(options, listAuthorities),
    rotateAuthority: unary(options, rotateAuthority),
    listCaches: unary(options, listCaches),
    deleteCaches: unary(options, deleteCaches),
    listWorkers: unary(options, async ({ workers }) => ({
      workers: workers.list().map(workerMessage),
    })),
    listActors: unary(options, async ({ system }) => ({
      actors: [
        ...system.kernel.actors().map(actorMessage),
        ...system.entities().map(entityMessage),
      ],
    })),
  };
}

async function getRun(
  services: ControlServices,
  { runId }: GetRunRequest,
): Promise<GetRunResponse> {
  const run = await services.runs.view(runId);
  if (run === undefined) throw new TroupeError("TROUPE_RUN_NOT_FOUND", { run: runId });
  return { run: runMessage(run, await waitingOf(services, runId)) };
}

async function listRuns(
  { runs }: ControlServices,
  { limit }: ListRunsRequest,
): Promise<ListRunsResponse> {
  const most = Math.min(limit || runsListed, limits.runsListedMax);
  return { runs: (await runs.list({ limit: most })).map(summaryMessage) };
}

function watch(
  services: ControlServices,
  { runId, logs, logTimes }: WatchRunRequest,
  output: StreamOutput<WatchRunResponse>,
): Promise<void> {
  return watchRun({
    runId,
    changes: services.runs.watch(runId, { signal: output.signal }),
    waiting: () => waitingOf(services, runId),
    logs: logs ? services.logs : undefined,
    logTimes: logTimes === true,
    output,
    clock: services.clock,
  });
}

async function submitRun(
  services: ControlServices,
  request: SubmitRunRequest,
): Promise<SubmitRunResponse> {
  const { runs, random } = services;
  const { runId, parameters, priority } = request;
  if (runId.length > runIdCharactersMax || /[^\w.@:+-]/.test(runId)) {
    const problem = `expected a run_id of up to ${runIdCharactersMax} letters, digits and . _ - @ : +, got "${runId.slice(0, 200)}"`;
    throw new TroupeError("TROUPE_REQUEST_INVALID", { request: "submitRun", problem });
  }
  const read = parseDefinition(request.pipelineJson);
  if (!read.ok) throw invalidPipeline("that was sent", read.problems);
  const { definition } = read;
  const id = runId || `${definition.name.slice(0, 100)}-${random.uuid().slice(0, 8)}`;
  const submit = async (): Promise<SubmitRunResponse> => {
    const workspace = await workspaceOf(services, request.workspace);
    const uploaded = workspace === undefined ? {} : { workspace };
    return runs.submit({ runId: id, definition, parameters, priority, ...uploaded });
  };
  const { workspace } = request;
  if (workspace === undefined) return submit();
  return services.filesInUse.during(workspace.sha256, submit);
}

/** The scheduler knows why a job waits; only the supply knows why nobody comes to its help. */
async function waitingOf(services: ControlServices, runId: string): Promise<WaitingReasons> {
  const waiting = await services.runs.waiting(runId);
  const problem = services.supplyProblem();
  if (problem === undefined) return waiting;
  return new Map([...waiting].map(([job, why]) => [job, `${why}; ${problem}`]));
}

function unary<Request, Response>(
  { services, logger }: ControlServiceOptions,
  work: (services: ControlServices, request: Request) => Promise<Response>,
) {
  return (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>): void => {
    services
      .then((opened) => work(opened, call.request))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(answerError(logger, call.getPath(), error)),
      );
  };
}

function uploaded<Request, Response>(
  { services, logger }: ControlServiceOptions,
  work: (
    services: ControlServices,
    call: ServerReadableStream<Request, Response>,
  ) => Promise<Response>,
) {
  return (call: ServerReadableStream<Request, Response>, answer: sendUnaryData<Response>): void => {
    services
      .then((opened) => work(opened, call))
      .then(
        (response) => answer(null, response),
        (error: unknown) => answer(answerError(logger, call.getPath(), error)),
      );
  };
}

function streamed<Request, Message>(
  { services, logger, stopping }: ControlServiceOptions,
  work: (
    services: ControlServices,
    request: Request,
    output: StreamOutput<Message>,
  ) => Promise<void>,
) {
  return (call: ServerWritableStream<Request, Message>): void => {
    const output = streamOutput(call);
    const stop = (): void => {
      call.emit("error", { code: status.UNAVAILABLE, details: "the server stops" });
    };
    stopping.addEventListener("abort", stop, { once: true });
    services
      .then((opened) => work(opened, call.request, output))
      .then(
        () => call.end(),
        (error: unknown) => {
          if (output.signal.aborted) return;
          call.emit("error", answerError(logger, call.getPath(), error));
        },
      )
      .finally(() => stopping.removeEventListener("abort", stop));
  };
}

/** What is not one of our own errors was not foreseen: the operator should see it. */
function answerError(logger: Logger, call: string, error: unknown) {
  if (!(error instanceof TroupeError)) logger.error("a call failed unforeseen", { call, error });
  return serviceErrorOf(error);
}
