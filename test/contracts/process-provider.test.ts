import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processProvider } from "../../src/providers/process/index.ts";
import { isAlive } from "../agent/support/job.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type ProviderHarness, providerContract } from "./provider-contract.ts";

providerContract("process", async (): Promise<ProviderHarness> => {
  const stateDir = mkdtempSync(join(tmpdir(), "troupe-provider-"));
  const provider = () => processProvider({ stateDir, killGraceMs: 2_000 });
  const pidOf = (agentName: string): number =>
    JSON.parse(readFileSync(join(stateDir, agentName, "agent.json"), "utf8")).pid;
  return {
    provider,
    addressFor: (server) => server.address,
    killAgent: async (agentName) => {
      const pid = pidOf(agentName);
      process.kill(pid, "SIGKILL");
      await waitUntil("its end", () => !isAlive(pid));
    },
    traces: async () => {
      const files = readdirSync(stateDir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
      const processes = readdirSync(stateDir).flatMap((agentName) =>
        ["cmdline", "environ"].map((name) =>
          readFileSync(`/proc/${pidOf(agentName)}/${name}`, "utf8"),
        ),
      );
      return [...files, ...processes].join("\n");
    },
    isProcessAlive: isAlive,
    broken: () => ({
      provider: processProvider({ stateDir: "/dev/null/agents" }),
      reason: /folder \/dev\/null\/agents is not writable/,
    }),
    cleanUp: async () => {
      const agents = readdirSync(stateDir);
      await Promise.all(agents.map((agentName) => provider().destroy(agentName)));
      rmSync(stateDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
});
