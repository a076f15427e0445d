/** Many real agents in one process. Tells when each attempt arrived, in batches. */
import { join } from "node:path";
import { type AgentLog, startAgent } from "../../src/agent/index.ts";
import {
  type AgentBegin,
  type AgentsWanted,
  costOfThisProcess,
  type ToAgentsProcess,
  tellParent,
} from "./children.ts";

let begins: AgentBegin[] = [];

const log: AgentLog = {
  info: (message) => {
    const attempt = /^(\S+) begins$/.exec(message)?.[1];
    if (attempt === undefined) return;
    begins.push({ attempt, atMs: performance.timeOrigin + performance.now() });
    if (begins.length > 1) return;
    setTimeout(() => {
      tellParent({ type: "begins", begins });
      begins = [];
    }, 50);
  },
  warn: () => {},
  error: (message) => process.stderr.write(`${message}\n`),
};

process.on("message", (order: ToAgentsProcess) => {
  if (order === "cost") return tellParent({ type: "cost", cost: costOfThisProcess() });
  void startAll(order).then(() => tellParent({ type: "ready", address: "" }));
});
process.on("disconnect", () => process.exit(0));

/** A few at a time: an enrolment is an fsync of the server, and a start makes processes. */
async function startAll({ server, folder, names, tokens, slots }: AgentsWanted): Promise<void> {
  const left = names.map((name, index) => ({ name, token: tokens[index] ?? "" }));
  const lane = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { name, token } = next;
      const agent = await startAgent({
        server,
        token,
        name,
        slots,
        cgroups: false,
        stateDir: join(folder, name),
        log,
      });
      await agent.connected;
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
