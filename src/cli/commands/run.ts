/** `troupe run`: server, agent and progress in one command. */
import { randomBytes } from "node:crypto";
import { join, relative, resolve } from "node:path";
import {
  invalidRun,
  type PipelineDefinition,
  resolveParameters,
} from "../../actors/pipelines/index.ts";
import { processProvider } from "../../providers/process/index.ts";
import { connectControl, mapSecretSource, startServer } from "../../server/index.ts";
import type { CliContext } from "../cli-context.ts";
import { followRun } from "../follow-run.ts";
import { Interruption } from "../interruption.ts";
import { cliLogger } from "../logger.ts";
import { loadPipeline } from "../pipeline-file.ts";
import { newRunFolder } from "../run-folder.ts";
import { readSecrets } from "../secrets.ts";
import { readStores, type StoreOptions } from "../stores.ts";
import { uploadWorkspace } from "../workspace.ts";

export interface RunOptions extends StoreOptions {
  readonly param: Readonly<Record<string, string>>;
  readonly secret: readonly string[];
  readonly secretsFile?: string;
  readonly slots?: number;
  readonly workspace?: string;
  readonly data?: string;
  readonly keep: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly timestamps?: boolean;
}

/** Who leaves at once wants to be gone soon: jobs get this long between SIGTERM and SIGKILL. */
const LEAVING_GRACE_MS = 3_000;

export async function run(context: CliContext, file: string, options: RunOptions): Promise<number> {
  const definition = await loadPipeline(context, file);
  const secrets = await readSecrets(context, options);
  checkParameters(definition, options.param);
  const stores = await readStores(context, options);
  const runId = `${definition.name}-${randomBytes(3).toString("hex")}`;
  const dataDir =
    options.data === undefined
      ? await newRunFolder(context, { runId, keep: options.keep })
      : resolve(context.cwd, options.data);
  const interruption = new Interruption(context);
  const server = await startServer({
    dataDir,
    ...stores,
    provider: processProvider({
      stateDir: join(dataDir, "agents"),
      killGraceMs: LEAVING_GRACE_MS,
    }),
    agentsMax: 1,
    ...(options.slots === undefined ? {} : { slotsPerAgent: options.slots }),
    secretSource: mapSecretSource(secrets),
    logger: cliLogger(context),
  });
  try {
    const exitCode = await submitAndFollow(
      context,
      { dataDir, runId, definition },
      {
        ...options,
        interruption,
      },
    );
    if (options.json !== true) {
      const shown = relative(context.cwd, join(dataDir, "logs", runId)) || ".";
      context.stdout.write(`${context.out.paint("dim", `logs: ${shown}`)}\n`);
    }
    return exitCode;
  } finally {
    await server.stop();
    interruption.dispose();
  }
}

async function submitAndFollow(
  context: CliContext,
  run: {
    readonly dataDir: string;
    readonly runId: string;
    readonly definition: PipelineDefinition;
  },
  options: RunOptions & { readonly interruption: Interruption },
): Promise<number> {
  const { dataDir, runId, definition } = run;
  const client = await connectControl({ dataDir });
  try {
    await client.submitRun({
      runId,
      pipelineJson: JSON.stringify(definition),
      parameters: { ...options.param },
      priority: 0,
      workspace: await uploadWorkspace(context, client, options.workspace),
    });
    return await followRun(
      context,
      { client, runId },
      {
        quiet: options.quiet === true,
        json: options.json === true,
        timestamps: options.timestamps === true,
        onInterrupt: "cancel",
        interruption: options.interruption,
      },
    );
  } finally {
    client.close();
  }
}

/** Before anything is started or any folder made. */
function checkParameters(
  definition: PipelineDefinition,
  given: Readonly<Record<string, string>>,
): void {
  const result = resolveParameters(definition.parameters, given);
  if (!result.ok) throw invalidRun(definition.name, result.problems);
}
