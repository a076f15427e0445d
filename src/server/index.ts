/**
 * The server, for embedding and for the command line.
 *
 *   const server = await startServer({ dataDir: "./data" });
 *   const client = await connectControl({ dataDir: "./data" });
 *   const { runId } = await client.submitRun({ runId: "", pipelineJson, parameters: {}, priority: 0 });
 *   for await (const { change } of client.watchRun({ runId, logs: true })) console.log(change);
 *   await server.stop();
 */
export type { SecretContext, SecretSource } from "../actors/pipelines/index.ts";
export type {
  Provider,
  ProviderCapabilities,
  ProvisionedAgent,
  ProvisionRequest,
} from "../providers/provider.ts";
export { type ConnectControlOptions, type ControlClient, connectControl } from "./client.ts";
export type { FileRetention } from "./file-sweep.ts";
export { identityDefinitions } from "./identity-definitions.ts";
export { journalMovedToKafka } from "./moved-journal.ts";
export { chainSecretSources, environmentSecretSource, mapSecretSource } from "./secret-sources.ts";
export { startServer } from "./server.ts";
export type { ServerOptions, StopServerOptions, TroupeServer } from "./server-options.ts";
