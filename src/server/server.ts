/**
 * A server: one process that owns a data folder, with the agent service on TCP and the control
 * service on a unix socket in the folder.
 *
 *  V1. The socket is bound before the journal is opened: a second server on the folder is told off
 *      before it touches anything.
 *  V2. Everything that was opened is closed in the reverse order, after a failed start as well as by
 *      `stop`: agents are told nothing more before the state of their jobs stops changing.
 *  V3. A call that comes while the system opens waits for it.
 */
import { silentLogger, systemClock, systemRandom } from "../actors/kernel/index.ts";
import { openAgentService } from "./agent-port.ts";
import type { AgentService } from "./agent-service.ts";
import type { ControlServices } from "./control-service.ts";
import { openDataFolder } from "./data-folder.ts";
import { parseListenAddress, speaksTls } from "./listen-address.ts";
import type { ServerGround } from "./server-ground.ts";
import { openJobs } from "./server-jobs.ts";
import type { ServerMetrics } from "./server-metrics.ts";
import type { ServerOptions, StopServerOptions, TroupeServer } from "./server-options.ts";
import { controlServicesOf, openControlService, openSupply } from "./server-parts.ts";
import { serverVersion } from "./server-version.ts";
import { Teardown } from "./teardown.ts";

/**
 * Starts a server on a data folder. Throws `TROUPE_LISTEN_REFUSED`, `TROUPE_JOURNAL_IN_USE` when another
 * server serves the folder, `TROUPE_JOURNAL_READ_ONLY`, `TROUPE_JOURNAL_FULL`, `TROUPE_JOURNAL_CORRUPT`;
 * then nothing is left open.
 */
export async function startServer(options: ServerOptions): Promise<TroupeServer> {
  const listen = parseListenAddress(options.listen ?? "127.0.0.1:0");
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  const ground: ServerGround = {
    options,
    listen,
    tls: speaksTls(listen, options.tls),
    dataDir: await openDataFolder(options.dataDir),
    clock,
    random,
    logger,
    version: serverVersion(),
    startedAtMs: clock.nowMs(),
    teardown: new Teardown(logger),
    stopping: new AbortController(),
    metrics: await metricsOf(options, () => ground.agentService),
    agentService: undefined,
    agentsOnStop: "destroy",
    supply: undefined,
  };
  let fail: (error: unknown) => void = () => {};
  let succeed: (services: ControlServices) => void = () => {};
  const opening = new Promise<ControlServices>((resolve, reject) => {
    succeed = resolve;
    fail = reject;
  });
  // Whoever called early is told; the caller of this function is told below.
  opening.catch(() => {});
  try {
    const controlAddress = await openControlService(ground, opening);
    const jobs = await openJobs(ground);
    const agents = await openAgentService(ground, jobs);
    await openSupply(ground, { jobs, agents });
    succeed(controlServicesOf(ground, { jobs, agents }));
    logger.info("server started", { dataDir: ground.dataDir, agents: agents.address });
    return serverOf(ground, { agentAddress: agents.address, controlAddress });
  } catch (error) {
    fail(error);
    await ground.teardown.run();
    throw error;
  }
}

async function metricsOf(
  { metrics }: ServerOptions,
  agents: () => AgentService | undefined,
): Promise<ServerMetrics | undefined> {
  if (metrics === undefined) return undefined;
  const { serverMetrics } = await import("./server-metrics.ts");
  return serverMetrics(metrics, {
    connected: () => agents()?.connected ?? 0,
    logBytesKept: () => agents()?.logBytesKept ?? 0,
  });
}

function serverOf(
  ground: ServerGround,
  addresses: Pick<TroupeServer, "agentAddress" | "controlAddress">,
): TroupeServer {
  let stopped: Promise<void> | undefined;
  const stop = ({ agents = "destroy" }: StopServerOptions = {}): Promise<void> => {
    ground.agentsOnStop = agents;
    ground.stopping.abort();
    stopped ??= ground.teardown.run().then(() => ground.logger.info("server stopped"));
    return stopped;
  };
  return { ...addresses, dataDir: ground.dataDir, stop, [Symbol.asyncDispose]: () => stop() };
}
