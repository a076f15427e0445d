/** An agent service on a real port, over a real log store, with workers and identities of the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  type Logger,
  silentLogger,
  systemClock,
  TroupeError,
} from "../../src/actors/kernel/index.ts";
import { FolderLogStore, type LogStore } from "../../src/actors/logs/index.ts";
import { AgentService, agentServiceDefinition } from "../../src/server/agent-service.ts";
import type { Audit } from "../../src/server/audit.ts";
import type { Enrolment } from "../../src/server/enrolment.ts";
import { listenGrpc } from "../../src/server/grpc-listener.ts";
import type { Identity } from "./scripted-agent.ts";
import { ScriptedWorkers } from "./scripted-workers.ts";

export const identity: Identity = { agentId: "agent-1", credential: "secret" };

const knownAgents: Enrolment = {
  createToken: () => Promise.reject(new Error("no tokens here")),
  enrol: () => Promise.reject(new Error("no tokens here")),
  forget: async () => {},
  admit: () => Promise.reject(new Error("no certificates here")),
  deny: async () => {},
  allow: async () => {},
  authenticate: async (authorization) => {
    const id = /^Bearer (.+)\.secret$/.exec(authorization ?? "")?.[1];
    if (id === undefined) throw new TroupeError("TROUPE_AGENT_REFUSED", { reason: "unknown" });
    return { agentId: id, agentName: `name of ${id}`, labels: { bound: "yes" } };
  },
};

export interface AgentServiceBench {
  readonly address: string;
  readonly service: AgentService;
  readonly workers: ScriptedWorkers;
  readonly logs: LogStore;
}

export async function agentServiceBench(
  options: {
    readonly logs?: (real: LogStore) => LogStore;
    readonly enrolment?: Enrolment;
    readonly audit?: Pick<Audit, "record">;
    readonly logger?: Logger;
  } = {},
): Promise<AgentServiceBench> {
  const directory = mkdtempSync(join(tmpdir(), "troupe-"));
  const real = new FolderLogStore({ directory });
  const logs = options.logs?.(real) ?? real;
  const workers = new ScriptedWorkers();
  const service = new AgentService({
    enrolment: options.enrolment ?? knownAgents,
    audit: options.audit ?? { record: () => {} },
    workers,
    logs,
    clock: systemClock,
    logger: options.logger ?? silentLogger,
    terms: {
      serverVersion: "9.9.9",
      leaseMs: 30_000,
      leaseGraceMs: 10_000,
      heartbeatIntervalMs: 5_000,
      logFlushMs: 50,
    },
  });
  const listener = await listenGrpc({
    address: "127.0.0.1:0",
    clock: systemClock,
    messageBytesMax: 4 * 1024 * 1024,
    services: (server) => server.addService(agentServiceDefinition, service.handlers()),
  });
  onTestFinished(async () => {
    await service.close("the test ends");
    await listener.stop(500);
    await real.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { address: `127.0.0.1:${listener.port}`, service, workers, logs };
}
