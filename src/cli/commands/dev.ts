/** `troupe dev`: a server on a data folder until it is told to stop. */
import { join, resolve } from "node:path";
import { processProvider } from "../../providers/process/index.ts";
import {
  chainSecretSources,
  connectControl,
  environmentSecretSource,
  mapSecretSource,
  startServer,
} from "../../server/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { cliLogger } from "../logger.ts";
import { type RetentionOptions, retentionOf } from "../program/retention-options.ts";
import { readSecrets } from "../secrets.ts";
import { describeStores, readStores, type StoreOptions } from "../stores.ts";

export interface DevOptions extends StoreOptions, RetentionOptions {
  readonly data: string;
  readonly listen: string;
  readonly advertise?: string;
  readonly tls?: boolean;
  readonly agents: number;
  readonly slots?: number;
  readonly lease?: number;
  readonly metrics?: string;
  readonly secretsFile?: string;
}

export async function dev(context: CliContext, options: DevOptions): Promise<number> {
  const dataDir = resolve(context.cwd, options.data);
  const secrets = await readSecrets(context, options);
  const stores = await readStores(context, options);
  const metrics = await openMetrics(options.metrics);
  const server = await startServer({
    dataDir,
    ...stores,
    listen: options.listen,
    ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...authorityPassphrase(context.env),
    ...(options.agents > 0
      ? {
          provider: processProvider({ stateDir: join(dataDir, "agents") }),
          agentsMax: options.agents,
        }
      : {}),
    ...(options.slots === undefined ? {} : { slotsPerAgent: options.slots }),
    ...retentionOf(options),
    ...(metrics && { metrics: metrics.registry }),
    ...(options.lease === undefined ? {} : { leaseMs: options.lease }),
    secretSource: chainSecretSources(
      mapSecretSource(secrets),
      environmentSecretSource(context.env),
    ),
    logger: cliLogger(context, "info"),
  });
  context.stdout.write(`troupe serves ${options.data}; agents dial ${server.agentAddress}
${describeStores(stores)}${metrics ? `metrics: ${metrics.endpoint.url}\n` : ""}  troupe submit <pipeline>     run something
  troupe ps                    what runs
  troupe token create          let an agent in from elsewhere
`);
  // A server whose terminal or pipe went away goes on, and stops as any other: what it says there is all said.
  context.outputLoss.leaveBy(() => {});
  const signal = await new Promise<NodeJS.Signals>((stop) => {
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
  });
  // Agents that run something stay, and come back to the next server; idle ones go.
  const agents = (await hasRunningJobs(dataDir)) ? "keep" : "destroy";
  context.stdout.write(
    agents === "keep"
      ? `${signal}: stopping; what runs goes on, and its agents wait for the server to come back\n`
      : `${signal}: stopping\n`,
  );
  await server.stop({ agents });
  metrics?.endpoint.close();
  return exitCodes.ok;
}

async function openMetrics(listen: string | undefined) {
  if (listen === undefined) return undefined;
  const { collectDefaultMetrics, Registry } = await import("prom-client");
  const { serveMetrics } = await import("../metrics-endpoint.ts");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { registry, endpoint: await serveMetrics(registry, listen) };
}

/** Out of the environment for good: what this process starts must not inherit it. */
function authorityPassphrase(env: Record<string, string | undefined>) {
  const passphrase = env["TROUPE_CA_KEY"];
  delete env["TROUPE_CA_KEY"];
  return passphrase === undefined || passphrase === "" ? {} : { authorityPassphrase: passphrase };
}

async function hasRunningJobs(dataDir: string): Promise<boolean> {
  const client = await connectControl({ dataDir });
  try {
    const { workers } = await client.listWorkers({});
    return workers.some(({ running }) => running.length > 0);
  } finally {
    client.close();
  }
}
