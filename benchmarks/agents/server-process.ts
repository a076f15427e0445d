/** A server in a process of its own. */
import { startServer } from "../../src/server/index.ts";
import { costOfThisProcess, type ToServerProcess, tellParent } from "./children.ts";

process.on("message", (order: ToServerProcess) => {
  if (order === "cost") return tellParent({ type: "cost", cost: costOfThisProcess() });
  void startServer(order).then(({ agentAddress: address }) =>
    tellParent({ type: "ready", address }),
  );
});
process.on("disconnect", () => process.exit(0));
