/** The parts of a server, in the order in which they are opened; each adds what closes it to the teardown. */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Server } from "@grpc/grpc-js";
import { TransferServiceService } from "../../proto/troupe/agent/v1/transfer.ts";
import { ControlServiceService } from "../../proto/troupe/control/v1/control.ts";
import { type BlobStore, FolderBlobStore, openS3BlobStore } from "../actors/blobs/index.ts";
import { CacheIndex, Caches, cacheIndexId } from "../actors/caches/index.ts";
import {
  type Clock,
  type Logger,
  limits,
  type Random,
  TroupeError,
} from "../actors/kernel/index.ts";
import { ArchivedLogStore, FolderLogStore, type LogStore } from "../actors/logs/index.ts";
import { createJobEngine, type JobEngine } from "../actors/pipelines/index.ts";
import { createSystem, type System } from "../actors/system/index.ts";
import { AgentService, agentServiceDefinition } from "./agent-service.ts";
import { AgentSupply } from "./agent-supply.ts";
import { Audit } from "./audit.ts";
import { Authority } from "./authority/authority.ts";
import { authoritySecret } from "./authority/authority-secret.ts";
import { type ControlServices, controlHandlers } from "./control-service.ts";
import { claimControlSocket, inUse, probe } from "./control-socket.ts";
import {
  removeServerFile,
  type SystemFile,
  writeServerFile,
  writeSystemFile,
} from "./data-folder.ts";
import { createEnrolment, type Enrolment } from "./enrolment.ts";
import { FileSweep, FilesInUse } from "./file-sweep.ts";
import { checkJournalId, checkJournalPlace } from "./folder-journal.ts";
import { type GrpcListener, listenGrpc, listenTls, portProblem } from "./grpc-listener.ts";
import { identityDefinitions } from "./identity-definitions.ts";
import {
  advertisedAddress,
  formatAddress,
  type ListenAddress,
  localAddress,
  namesOf,
} from "./listen-address.ts";
import { LogSweep } from "./log-sweep.ts";
import { RetentionMarks } from "./retention-marks.ts";
import { chainSecretSources } from "./secret-sources.ts";
import type { ServerMetrics } from "./server-metrics.ts";
import type { ServerOptions, StopServerOptions } from "./server-options.ts";
import type { Teardown } from "./teardown.ts";
import { transferHandlers } from "./transfer-service.ts";

/** What every part of a server stands on. */
export interface ServerGround {
  readonly options: ServerOptions;
  readonly listen: ListenAddress;
  /** Does the agent port speak TLS? */
  readonly tls: boolean;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly version: string;
  readonly startedAtMs: number;
  readonly teardown: Teardown;
  /** Fires first when the server stops. */
  readonly stopping: AbortController;
  readonly metrics: ServerMetrics | undefined;
  /** Once there is one: what the meter's gauges are read from. */
  agentService: AgentService | undefined;
  agentsOnStop: NonNullable<StopServerOptions["agents"]>;
  supply: AgentSupply | undefined;
}

export interface Jobs {
  readonly systemFile: SystemFile;
  readonly system: System;
  readonly engine: JobEngine;
  readonly logs: LogStore;
  /** undefined: the agent port has no TLS. */
  readonly authority: Authority | undefined;
  readonly audit: Audit;
  /** Files of jobs. */
  readonly blobs: BlobStore;
  readonly filesInUse: FilesInUse;
  readonly marks: RetentionMarks;
  readonly caches: Caches;
  readonly enrolment: Enrolment;
}

export interface AgentPort {
  readonly service: AgentService;
  /** As agents elsewhere dial it. */
  readonly address: string;
  /** As agents on this machine dial it. */
  readonly localAddress: string;
  /** It is where agents of an earlier server dial. */
  readonly sameAsBefore: boolean;
}

/** A pipeline of tens of thousands of jobs is a few MiB of JSON. */
const controlMessageBytesMax = 64 * 1024 * 1024;
/** A result with all its outputs, at most; log chunks are far smaller. */
const agentMessageBytesMax = 4 * 1024 * 1024;
/** Live enough to watch, few enough messages. */
const logFlushMs = 50;
/** Three lost heartbeats in a row still leave half of the lease. */
const heartbeatsPerLease = 6;
const slotsPerAgentMax = 4;

/** Binds the control socket. Returns its gRPC target. */
export async function openControlService(
  ground: ServerGround,
  services: Promise<ControlServices>,
): Promise<string> {
  const { dataDir, clock, logger, teardown, stopping } = ground;
  const socket = await claimControlSocket(dataDir);
  teardown.add("control socket", () => socket.release());
  const address = `unix:${socket.path}`;
  const handlers = controlHandlers({ services, stopping: stopping.signal, logger });
  let listener: GrpcListener;
  try {
    listener = await listenGrpc({
      address,
      clock,
      messageBytesMax: controlMessageBytesMax,
      services: (server) => server.addService(ControlServiceService, handlers),
    });
  } catch (error) {
    // Two servers started at the same moment, and the other one was first.
    if ((await probe(socket.path)) === "live") return inUse(dataDir);
    throw error;
  }
  teardown.add("control service", () => listener.stop(limits.serverStopDeadlineMs));
  await socket.publish();
  return address;
}

/** Opens the journal and the logs: runs, workers and scheduler work from here on. */
export async function openJobs(ground: ServerGround): Promise<Jobs> {
  const { dataDir, options, clock, random, logger, teardown } = ground;
  const blobs = await openBlobs(ground);
  const cacheBlobs = await openCacheBlobs(ground);
  const folder = new FolderLogStore({ directory: join(dataDir, "logs") });
  const logs = new ArchivedLogStore({ folder, blobs, clock, logger });
  teardown.add("logs", () => logs.close());
  await logs.start();
  const engine = createJobEngine({
    secrets: options.secretSource ?? chainSecretSources(),
    clock,
    logger,
    onLeaseLost: () => ground.metrics?.meter.leaseLost(),
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.leaseGraceMs === undefined ? {} : { leaseGraceMs: options.leaseGraceMs }),
  });
  const place = options.kafka === undefined ? "folder" : "kafka";
  const known = await checkJournalPlace(dataDir, place);
  const system = await createSystem({
    name: options.name ?? "troupe",
    ...(options.kafka === undefined ? { dataDir } : { kafka: options.kafka }),
    ...(options.redis === undefined ? {} : { redis: options.redis }),
    definitions: [...engine.definitions, ...identityDefinitions, CacheIndex],
    clock,
    random,
    logger,
    ...(ground.metrics && { observer: ground.metrics.observer }),
  });
  teardown.add("system", () => system.stop());
  checkJournalId(dataDir, known?.journal, system.journalId);
  const journal = { in: place, id: system.journalId } as const;
  const systemFile = { systemId: random.uuid(), ...known, journal };
  await writeSystemFile(dataDir, systemFile);
  engine.start(system);
  teardown.add("jobs", () => engine.stop());
  const { runs } = engine;
  const caches = new Caches({
    blobs: cacheBlobs,
    index: () => system.actor(CacheIndex, cacheIndexId),
    bytesMax: options.cachesBytesMax ?? limits.cachesBytesMax,
    unusedMs: options.cacheUnusedMs ?? limits.cacheUnusedMs,
    clock,
    logger,
  });
  const marks = await RetentionMarks.open(dataDir);
  const filesInUse = new FilesInUse();
  const { logRetention: retention, fileRetention = {} } = options;
  const kept = { runs, blobs, marks, logger };
  const files = new FileSweep({ ...kept, retention: fileRetention, inUse: filesInUse });
  const sweep = new LogSweep({ ...kept, logs, files, caches, retention, clock });
  teardown.add("log sweep", () => sweep.stop());
  await sweep.start();
  const audit = new Audit({ system, clock, logger });
  teardown.add("audit trail", () => audit.close());
  const authority = ground.tls ? await openAuthority(ground, system) : undefined;
  const fingerprint = () => authority?.fingerprint();
  const enrolment = createEnrolment({ system, clock, random, logger, fingerprint });
  const stores = { logs, blobs, filesInUse, marks, caches };
  return { systemFile, system, engine, ...stores, authority, audit, enrolment };
}

async function openBlobs({ dataDir, options, teardown }: ServerGround): Promise<BlobStore> {
  const blobs =
    options.s3 === undefined
      ? new FolderBlobStore({ directory: join(dataDir, "blobs") })
      : await openS3BlobStore(options.s3);
  teardown.add("blobs", () => blobs.close());
  return blobs;
}

/** Apart from other files: what is in it may be deleted at any time. */
async function openCacheBlobs({ dataDir, options, teardown }: ServerGround): Promise<BlobStore> {
  const { s3 } = options;
  const blobs =
    s3 === undefined
      ? new FolderBlobStore({ directory: join(dataDir, "caches") })
      : await openS3BlobStore({ ...s3, prefix: [s3.prefix, "caches"].filter(Boolean).join("/") });
  teardown.add("caches", () => blobs.close());
  return blobs;
}

async function openAuthority(ground: ServerGround, system: System): Promise<Authority> {
  const { dataDir, options, clock, random, logger, teardown } = ground;
  const passphrase = options.authorityPassphrase;
  const { secret, source } = await authoritySecret(dataDir, { passphrase, random });
  const certificateTtlMs = checkedTtlMs(options.certificateTtlMs ?? limits.certificateTtlMs);
  const authority = await Authority.open({
    system,
    // Of the journal, not of this folder: it is the same for every server of the system.
    systemId: system.journalId,
    secret,
    source,
    certificateTtlMs,
    clock,
    random,
    logger,
  });
  teardown.add("certificate authority", () => authority.close());
  return authority;
}

function checkedTtlMs(ttlMs: number): number {
  const [min, max] = [limits.certificateTtlMsMin, limits.certificateTtlMsMax];
  if (Number.isInteger(ttlMs) && ttlMs >= min && ttlMs <= max) return ttlMs;
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: "certificateTtlMs",
    expected: `a whole number of ms from ${min} to ${max}`,
    got: String(ttlMs),
  });
}

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

/** Agents on demand, where a provider is given. */
export async function openSupply(
  ground: ServerGround,
  { jobs, agents }: { readonly jobs: Jobs; readonly agents: AgentPort },
): Promise<void> {
  const { options, clock, random, logger, teardown } = ground;
  if (options.provider === undefined) return;
  const supply = new AgentSupply({
    provider: options.provider,
    scheduler: jobs.engine.scheduler,
    workers: jobs.engine.workers,
    enrolment: jobs.enrolment,
    clock,
    random,
    logger,
    systemId: jobs.systemFile.systemId,
    // Processes are on this machine, which need not know itself by the name that others use.
    serverAddress:
      options.provider.capabilities().isolation === "process"
        ? agents.localAddress
        : agents.address,
    slotsPerAgent: options.slotsPerAgent ?? Math.min(slotsPerAgentMax, availableParallelism()),
    agentsMin: options.agentsMin ?? 0,
    agentsMax: options.agentsMax ?? 1,
    idleTimeoutMs: options.idleTimeoutMs ?? limits.agentIdleTimeoutMs,
    startTimeoutMs: options.startTimeoutMs ?? limits.agentStartTimeoutMs,
    adoptWithinMs: agents.sameAsBefore ? (options.leaseMs ?? limits.leaseMs) : 0,
  });
  ground.supply = supply;
  teardown.add("agent supply", () => supply.pause());
  await supply.start();
}

/** What the control service answers from. */
export function controlServicesOf(
  ground: ServerGround,
  { jobs, agents }: { readonly jobs: Jobs; readonly agents: AgentPort },
): ControlServices {
  const { options, version, startedAtMs, clock, random } = ground;
  const { system, engine, logs, blobs, filesInUse, marks, caches } = jobs;
  const { enrolment, audit, authority } = jobs;
  const { runs, workers } = engine;
  const server = {
    version,
    system: options.name ?? "troupe",
    agentAddress: agents.address,
    startedAtMs,
    pid: process.pid,
  };
  return {
    server,
    runs,
    workers,
    logs,
    blobs,
    filesInUse,
    marks,
    caches,
    enrolment,
    audit,
    authority,
    agents: agents.service,
    system,
    clock,
    random,
    supplyProblem: () => ground.supply?.problem(),
  };
}
