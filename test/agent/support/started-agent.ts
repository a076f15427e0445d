/** An agent in this process, against a scripted server; both end with the test. */
import { onTestFinished } from "vitest";
import { type Agent, type AgentOptions, startAgent } from "../../../src/agent/index.ts";
import { FakeServer, type FakeServerOptions } from "./fake-server.ts";
import { temporaryFolder } from "./folder.ts";

export async function startServer(options: FakeServerOptions = {}): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

export async function start(
  server: FakeServer,
  options: Partial<AgentOptions> = {},
): Promise<Agent> {
  const agent = await startAgent({
    server: server.address,
    token: "token-1",
    name: "tester",
    stateDir: temporaryFolder(),
    slots: 4,
    // No waiting between dials: the tests cut often.
    random: () => 0,
    ...options,
  });
  onTestFinished(async () => {
    await agent.stop();
  });
  return agent;
}

export async function connected(
  serverOptions: FakeServerOptions = {},
  agentOptions: Partial<AgentOptions> = {},
): Promise<{ server: FakeServer; agent: Agent }> {
  const server = await startServer(serverOptions);
  const agent = await start(server, agentOptions);
  const ended = agent.ended.then(({ reason }) => {
    throw new Error(`the agent ended before it was connected: ${reason}`);
  });
  await Promise.race([agent.connected, ended]);
  return { server, agent };
}
