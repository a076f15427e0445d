/** The port that agents dial: their sessions and the files of their jobs. What closes it is added to the teardown. */
import type { Server } from "@grpc/grpc-js";
import { TransferServiceService } from "../../proto/troupe/agent/v1/transfer.ts";
import { limits, TroupeError } from "../actors/kernel/index.ts";
import { AgentService, agentServiceDefinition } from "./agent-service.ts";
import { removeServerFile, writeServerFile, writeSystemFile } from "./data-folder.ts";
import { type GrpcListener, listenGrpc, listenTls, portProblem } from "./grpc-listener.ts";
import { advertisedAddress, formatAddress, localAddress, namesOf } from "./listen-address.ts";
import type { ServerGround } from "./server-ground.ts";
import type { Jobs } from "./server-jobs.ts";
import { transferHandlers } from "./transfer-service.ts";

export interface AgentPort {
  readonly service: AgentService;
  /** As agents elsewhere dial it. */
  readonly address: string;
  /** As agents on this machine dial it. */
  readonly localAddress: string;
  /** It is where agents of an earlier server dial. */
  readonly sameAsBefore: boolean;
}

/** A result with all its outputs, at most; log chunks are far smaller. */
const agentMessageBytesMax = 4 * 1024 * 1024;
/** Live enough to watch, few enough messages. */
const logFlushMs = 50;
/** Three lost heartbeats in a row still leave half of the lease. */
const heartbeatsPerLease = 6;

/** Listens for agents, and says in the data folder where. */
export async function openAgentService(ground: ServerGround, jobs: Jobs): Promise<AgentPort> {
  const { options, dataDir, clock, logger, version, startedAtMs, teardown } = ground;
  const { systemFile: known } = jobs;
  const leaseMs = options.leaseMs ?? limits.leaseMs;
  const service = new AgentService({
    enrolment: jobs.enrolment,
    authority: jobs.authority,
    audit: jobs.audit,
    workers: jobs.engine.workers,
    logs: jobs.logs,
    clock,
    logger,
    ...(ground.metrics && { meter: ground.metrics.meter }),
    terms: {
      serverVersion: version,
      leaseMs,
      leaseGraceMs: options.leaseGraceMs ?? limits.leaseGraceMs,
      heartbeatIntervalMs: Math.max(1, Math.floor(leaseMs / heartbeatsPerLease)),
      logFlushMs,
    },
  });
  ground.agentService = service;
  // Agents on demand end after their sessions have: what dies with them is nobody's result.
  teardown.add("agents on demand", () => ground.supply?.stop(ground.agentsOnStop));
  const { listener, port } = await listenForAgents(ground, { jobs, service });
  teardown.add("agent service", async () => {
    await service.close("the server stops");
    await listener.stop(limits.serverStopDeadlineMs);
  });
  await writeSystemFile(dataDir, { ...known, agentPort: port });
  const bound = { host: ground.listen.host, port };
  const address = formatAddress(advertisedAddress(bound, options.advertise));
  const system = options.name ?? "troupe";
  await writeServerFile(dataDir, {
    pid: process.pid,
    version,
    system,
    agentAddress: address,
    startedAtMs,
  });
  teardown.add("server file", () => removeServerFile(dataDir));
  return {
    service,
    address,
    localAddress: formatAddress(localAddress(bound)),
    sameAsBefore: port === known.agentPort,
  };
}

/** A free port is taken only if none is asked for and the one that agents know is taken. */
async function listenForAgents(
  { listen, options, clock, logger }: ServerGround,
  { jobs, service }: { readonly jobs: Jobs; readonly service: AgentService },
): Promise<{ readonly listener: GrpcListener; readonly port: number }> {
  const wanted = listen.port || jobs.systemFile.agentPort || 0;
  const problem = await portProblem(listen.host, wanted);
  if (problem !== undefined && listen.port !== 0) {
    throw new TroupeError("TROUPE_LISTEN_REFUSED", { listen: formatAddress(listen), problem });
  }
  const address = { host: listen.host, port: problem === undefined ? wanted : 0 };
  const transfers = transferHandlers({
    blobs: jobs.blobs,
    caches: jobs.caches,
    runs: jobs.engine.runs,
    filesInUse: jobs.filesInUse,
    identify: (call) => service.identify(call),
    logger,
    refused: () => service.transferRefused(),
  });
  const grpc = {
    clock,
    messageBytesMax: agentMessageBytesMax,
    services: (server: Server) => {
      server.addService(agentServiceDefinition, service.handlers());
      server.addService(TransferServiceService, transfers);
    },
  };
  const { authority } = jobs;
  if (authority === undefined) {
    const listener = await listenGrpc({ ...grpc, address: formatAddress(address) });
    return { listener, port: listener.port };
  }
  const hosts = namesOf(address, advertisedAddress(address, options.advertise));
  const listener = await listenTls({ ...grpc, address, authority, hosts, logger });
  return { listener, port: listener.port };
}
