/** A server on a temporary folder, a client of it, and pipelines to give it. All go with the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  JobStatus,
  type RunView,
  type WatchRunResponse,
} from "../../proto/troupe/control/v1/control.ts";
import type { JobDefinition, PipelineDefinition } from "../../src/actors/pipelines/index.ts";
import {
  type ControlClient,
  connectControl,
  type ServerOptions,
  startServer,
  type TroupeServer,
} from "../../src/server/index.ts";
import { enroll, type Identity } from "./scripted-agent.ts";

/** Short, so that a unix socket fits into it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "troupe-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

export async function runningServer(options: Partial<ServerOptions> = {}): Promise<TroupeServer> {
  const server = await startServer({ dataDir: temporaryFolder(), ...options });
  onTestFinished(() => server.stop());
  return server;
}

export async function clientOf({ dataDir }: { readonly dataDir: string }): Promise<ControlClient> {
  const client = await connectControl({ dataDir });
  onTestFinished(() => client.close());
  return client;
}

/** An identity of that server, by a fresh token. */
export async function newIdentity(server: TroupeServer, client: ControlClient): Promise<Identity> {
  const { token } = await client.createToken({ ttlMs: 0, labels: {} });
  return enroll(server.agentAddress, token);
}

export function job(name: string, of: Partial<JobDefinition> = {}): JobDefinition {
  return {
    name,
    needs: [],
    finally: false,
    shell: "sh",
    script: `echo ${name}`,
    env: {},
    secrets: {},
    outputs: [],
    labels: {},
    killGraceMs: 1_000,
    retry: { attemptsMax: 1, initialDelayMs: 0, factor: 1, delayMaxMs: 0 },
    continueOnError: false,
    priority: 0,
    ...of,
  };
}

export function pipeline(
  jobs: readonly JobDefinition[],
  of: Partial<PipelineDefinition> = {},
): PipelineDefinition {
  return { name: "p", parameters: [], jobs, outputs: {}, failFast: false, ...of };
}

export function submission(
  runId: string,
  jobs: readonly JobDefinition[],
  of: Partial<PipelineDefinition> = {},
) {
  const pipelineJson = JSON.stringify(pipeline(jobs, of));
  return { runId, pipelineJson, parameters: {}, priority: 0 };
}

/** Follows the run to its end; gives its last state. */
export async function runToEnd(client: ControlClient, runId: string): Promise<RunView> {
  for await (const _ of client.watchRun({ runId, logs: false }));
  const { run } = await client.getRun({ runId });
  if (run === undefined) throw new Error("the run is gone");
  return run;
}

export async function collect(
  watch: AsyncIterable<WatchRunResponse>,
): Promise<NonNullable<WatchRunResponse["change"]>[]> {
  const changes: NonNullable<WatchRunResponse["change"]>[] = [];
  for await (const { change } of watch) if (change !== undefined) changes.push(change);
  return changes;
}

export function jobStatuses(run: RunView): Record<string, string> {
  const names = new Map<number, string>(
    Object.entries(JobStatus).map(([name, value]) => [value, name]),
  );
  return Object.fromEntries(run.jobs.map(({ name, status }) => [name, names.get(status) ?? "?"]));
}
