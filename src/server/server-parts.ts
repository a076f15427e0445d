/** The parts of a server that stand on its jobs and its agents' port; each adds what closes it to the teardown. */
import { availableParallelism } from "node:os";
import { ControlServiceService } from "../../proto/troupe/control/v1/control.ts";
import { limits } from "../actors/kernel/index.ts";
import type { AgentPort } from "./agent-port.ts";
import { AgentSupply } from "./agent-supply.ts";
import { type ControlServices, controlHandlers } from "./control-service.ts";
import { claimControlSocket, inUse, probe } from "./control-socket.ts";
import { type GrpcListener, listenGrpc } from "./grpc-listener.ts";
import type { ServerGround } from "./server-ground.ts";
import type { Jobs } from "./server-jobs.ts";

/** A pipeline of tens of thousands of jobs is a few MiB of JSON. */
const controlMessageBytesMax = 64 * 1024 * 1024;
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
