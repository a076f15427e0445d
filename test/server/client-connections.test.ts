/** What one client does to its connection is no matter of another's, also within one process. */
import { setMaxListeners } from "node:events";
import { expect, it } from "vitest";
import { clientOf, job, runningServer, submission } from "./running-server.ts";

it("a client that gives up a thousand calls at once costs no other client a call", async () => {
  const server = await runningServer();
  const [steady, hasty] = [await clientOf(server), await clientOf(server)];
  await steady.submitRun(submission("r", [job("waits", { labels: { nobody: "has it" } })]));
  const stay = new AbortController();
  const watch = steady.watchRun({ runId: "r", logs: true }, stay.signal)[Symbol.asyncIterator]();
  expect((await watch.next()).value?.change?.$case).toBe("snapshot");
  let fault: unknown;
  const rest = (async () => {
    for (let next = await watch.next(); next.done !== true; ) next = await watch.next();
  })().catch((error: unknown) => {
    if (!stay.signal.aborted) fault = error;
  });

  const leave = new AbortController();
  setMaxListeners(0, leave.signal);
  let begun = 0;
  const all = Array.from({ length: 1_200 }, async () => {
    for await (const _change of hasty.watchRun({ runId: "r", logs: false }, leave.signal)) {
      if (++begun === 1_200) leave.abort();
    }
  });
  await Promise.allSettled(all);
  expect(begun).toBeGreaterThanOrEqual(1_200);
  expect((await steady.getRun({ runId: "r" })).run?.summary?.runId).toBe("r");
  expect(fault).toBeUndefined();
  stay.abort();
  await rest;
});
