/** `troupe run`: server, agent and progress in one command. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { processProvider } from "../../providers/process/index.ts";
import { connectControl, mapSecretSource, startServer } from "../../server/index.ts";
import type { CliContext } from "../cli-context.ts";
import { followRun } from "../follow-run.ts";
import { cliLogger } from "../logger.ts";
import { loadPipeline } from "../pipeline-file.ts";
import { readSecrets } from "../secrets.ts";

export interface RunOptions {
  readonly param: Readonly<Record<string, string>>;
  readonly secret: readonly string[];
  readonly secretsFile?: string;
  readonly slots?: number;
  readonly data?: string;
  readonly keep: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export async function run(context: CliContext, file: string, options: RunOptions): Promise<number> {
  const definition = await loadPipeline(context, file);
  const secrets = await readSecrets(context, options);
  const runId = `${definition.name}-${randomBytes(3).toString("hex")}`;
  const dataDir =
    options.data === undefined
      ? await newRunFolder(context, { runId, keep: options.keep })
      : resolve(context.cwd, options.data);
  const logger = cliLogger(context);
  const server = await startServer({
    dataDir,
    provider: processProvider({ stateDir: join(dataDir, "agents") }),
    agentsMax: 1,
    ...(options.slots === undefined ? {} : { slotsPerAgent: options.slots }),
    secretSource: mapSecretSource(secrets),
    logger,
  });
  try {
    const client = await connectControl({ dataDir });
    try {
      await client.submitRun({
        runId,
        pipelineJson: JSON.stringify(definition),
        parameters: { ...options.param },
        priority: 0,
      });
      const exitCode = await followRun(
        context,
        { client, runId },
        { quiet: options.quiet === true, json: options.json === true, onInterrupt: "cancel" },
      );
      if (options.json !== true) {
        const shown = relative(context.cwd, join(dataDir, "logs", runId)) || ".";
        context.stdout.write(`${context.out.paint("dim", `logs: ${shown}`)}\n`);
      }
      return exitCode;
    } finally {
      client.close();
    }
  } finally {
    await server.stop();
  }
}

/** A folder of its own for each run, so that runs never wait for one another; old ones are removed. */
async function newRunFolder(
  context: CliContext,
  { runId, keep }: { readonly runId: string; readonly keep: number },
): Promise<string> {
  const runs = resolve(context.cwd, ".troupe", "runs");
  await mkdir(runs, { recursive: true });
  const stamp = new Date(context.nowMs()).toISOString().replaceAll(/[-:]/g, "").slice(0, 15);
  const earlier = (await readdir(runs)).sort();
  const surplus = earlier.slice(0, Math.max(0, earlier.length - keep));
  await Promise.all(surplus.map((name) => rm(join(runs, name), { recursive: true, force: true })));
  const folder = join(runs, `${stamp}-${runId}`);
  await mkdir(folder);
  return folder;
}
