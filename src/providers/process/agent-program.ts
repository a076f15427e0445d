/** How an agent process is started from here: the entry beside this file, as built or as source. */
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ProvisionRequest } from "../provider.ts";
import type { AgentFolder } from "./agent-folder.ts";

/** By these an agent and all that it starts are found again; the agent hands them on to its jobs. */
export const markNames = { system: "TROUPE_SYSTEM_ID", agent: "TROUPE_AGENT_NAME" } as const;

/** Agents at once, unless said otherwise: one process per processor can be kept busy. */
export const agentsMaxDefault = availableParallelism();

/** An agent whose server never comes back must not stay for ever: nobody else would end it. */
const giveUpAfterSeconds = 15 * 60;

/** Node's arguments up to the agent's own. Throws if it runs from source and there is no loader for it. */
export function agentEntry(): string[] {
  const isSource = import.meta.url.endsWith(".ts");
  const entry = fileURLToPath(
    new URL(`../../agent/main.${isSource ? "ts" : "js"}`, import.meta.url),
  );
  if (!isSource) return [entry];
  const loader = createRequire(import.meta.url).resolve("tsx");
  return ["--import", pathToFileURL(loader).href, entry];
}

/** The one-time token goes through standard input: arguments and environment can be read by others. */
export function agentArguments(request: ProvisionRequest, folder: AgentFolder): string[] {
  const { serverAddress, agentName, slots, labels } = request;
  return [
    ...["--server", serverAddress, "--token-file", "-", "--name", agentName],
    ...["--slots", String(slots), "--state-dir", folder.stateFolder],
    ...["--work-dir", folder.workFolder, "--log-file", folder.logFile],
    ...["--give-up-after", String(giveUpAfterSeconds)],
    ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
  ];
}

/** Nothing of the server's own environment but what every program needs: it may hold secrets. */
export function agentEnvironment(request: ProvisionRequest): Record<string, string> {
  const environment: Record<string, string> = {
    [markNames.system]: request.systemId,
    [markNames.agent]: request.agentName,
  };
  for (const name of ["PATH", "HOME", "LANG", "TMPDIR"]) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
