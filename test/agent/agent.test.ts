import { expect, onTestFinished, test } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { type Agent, type AgentOptions, startAgent } from "../../src/agent/index.ts";
import { assignment, FakeServer, type FakeServerOptions } from "./support/fake-server.ts";
import { temporaryFolder } from "./support/folder.ts";

test("runs a job and reports it", async () => {
  const { server } = await connected();
  const job = assignment({ script: "echo hello; echo there >&2; echo again >/dev/stderr" });
  server.last.assign(job);
  const result = await server.result(job.attempt);
  expect(result).toMatchObject({ outcome: Outcome.SUCCEEDED, exitCode: 0, reason: "" });
  expect(server.text(job.attempt)).toBe("hello\nthere\nagain\n");
  expect(server.violations).toEqual([]);
});

async function connected(
  serverOptions: FakeServerOptions = {},
  agentOptions: Partial<AgentOptions> = {},
): Promise<{ server: FakeServer; agent: Agent }> {
  const server = await FakeServer.start(serverOptions);
  onTestFinished(() => server.stop());
  const agent = await startAgent({
    server: server.address,
    token: "token-1",
    name: "tester",
    stateDir: temporaryFolder(),
    slots: 4,
    ...agentOptions,
  });
  onTestFinished(async () => {
    await agent.stop();
  });
  await agent.connected;
  return { server, agent };
}
