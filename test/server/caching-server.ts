/** A server whose jobs have left caches, each sent by an agent as a real one does. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { TransferServiceClient } from "../../proto/troupe/agent/v1/transfer.ts";
import { GrpcBlobLink } from "../../src/agent/blob-link.ts";
import { systemClock as agentClock } from "../../src/agent/clock.ts";
import { Transfers } from "../../src/agent/transfers.ts";
import type { ControlClient, ServerOptions, TroupeServer } from "../../src/server/index.ts";
import { obedientAgent } from "./obedient-agent.ts";
import {
  clientOf,
  job,
  newIdentity,
  runningServer,
  submission,
  temporaryFolder,
} from "./running-server.ts";

export interface CachingServer {
  readonly server: TroupeServer;
  readonly client: ControlClient;
  /** Of a job of that pipeline that goes on. False: there is one under this key. */
  readonly save: (cache: PipelineCache, text: string) => Promise<boolean>;
  /** undefined = there is none. */
  readonly find: (cache: PipelineCache) => Promise<string | undefined>;
}

export interface PipelineCache {
  readonly pipeline: string;
  readonly key: string;
}

/** Two pipelines at most, as the agent runs two jobs at once; `keys` are those that these may use. */
export async function cachingServer(
  { pipelines, keys }: { readonly pipelines: readonly string[]; readonly keys: readonly string[] },
  options: Partial<ServerOptions> = {},
): Promise<CachingServer> {
  const server = await runningServer(options);
  const client = await clientOf(server);
  const identity = await newIdentity(server, client);
  const { agent } = await obedientAgent(server.agentAddress, identity, {
    work: () => undefined,
  });
  const caches = keys.map((key) => ({ key: [key], restoreKeys: [], paths: ["deps"] }));
  for (const name of pipelines) {
    await client.submitRun(submission(`run-${name}`, [job("build", { caches })], { name }));
    await agent.next("assignment");
  }
  const transfers = transfersOf(server.agentAddress, identity);
  const goOn = new AbortController().signal;
  const attemptOf = (pipeline: string) => ({ runId: `run-${pipeline}`, job: "build", attempt: 1 });
  return {
    server,
    client,
    save: ({ pipeline, key }, text) => {
      const file = join(temporaryFolder(), "file");
      writeFileSync(file, text);
      const sha256 = createHash("sha256").update(text).digest("hex");
      const start = { attempt: attemptOf(pipeline), sha256, bytes: Buffer.byteLength(text) };
      const cache = { cache: keys.indexOf(key), key };
      return transfers.store({ ...start, cache }, file, goOn);
    },
    find: async ({ pipeline, key }) => {
      const question = { cache: keys.indexOf(key), key, restoreKeys: [] };
      const attempt = attemptOf(pipeline);
      const found = await transfers.findCache({ attempt, ...question }, goOn);
      return found?.file.sha256;
    },
  };
}

function transfersOf(
  address: string,
  { agentId, credential }: { readonly agentId: string; readonly credential: string },
): Transfers {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${agentId}.${credential}`);
  const client = new TransferServiceClient(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const link = new GrpcBlobLink(client, metadata);
  return new Transfers({ link: () => link, clock: agentClock, random: Math.random });
}
