/**
 * What every provider must do, whatever it starts agents with. An adapter's test calls
 * `providerContract` with a way to make it, and to look behind it.
 */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Assignment } from "../../proto/troupe/agent/v1/agent.ts";
import type { Provider, ProvisionedAgent, ProvisionRequest } from "../../src/providers/provider.ts";
import { assignment, FakeServer } from "../agent/support/fake-server.ts";
import { waitUntil } from "../support/wait-until.ts";

export interface ProviderHarness {
  /** A provider over the same agents as any other of this harness: as after a restart of the server. */
  provider(): Provider;
  /** The address that its agents reach `server` by. */
  addressFor(server: FakeServer): string;
  /** As `kill -9` of the agent itself; what it started goes on. */
  killAgent(agentName: string): Promise<void>;
  /** Where it may have left a secret: every file it wrote, every argument of its processes. */
  traces(): Promise<string>;
  /** Does a process print its own pid here in a way the test can look at? */
  isProcessAlive?(pid: number): boolean;
  /** A provider that cannot start anything, and a piece of the reason it must give. */
  broken?(): { provider: Provider; reason: RegExp };
  cleanUp(): Promise<void>;
}

const systemId = "system-1";
const token = "token-canary-0a1b2c3d";

export function providerContract(name: string, makeHarness: () => Promise<ProviderHarness>): void {
  async function set() {
    const harness = await makeHarness();
    const server = await FakeServer.start();
    server.tokens.add(token);
    onTestFinished(async () => {
      await harness.cleanUp();
      await server.stop();
    });
    const request = (changes: Partial<ProvisionRequest> = {}): ProvisionRequest => ({
      agentName: "agent-a",
      serverAddress: harness.addressFor(server),
      token,
      labels: { zone: "a", team: "x y" },
      slots: 2,
      systemId,
      ...changes,
    });
    return { harness, server, provider: harness.provider(), request };
  }

  /** Resolves with its log once it has printed. */
  async function runningJob(server: FakeServer, changes: Partial<Assignment>) {
    const job = assignment(changes);
    server.last.assign(job);
    await waitUntil("the job's output", () => server.text(job.attempt) !== "");
    return job;
  }

  describe(`the ${name} provider`, () => {
    test("is healthy, and says what its agents are", async () => {
      const { provider } = await set();
      await provider.health();
      const { labels, agentsMax, isolation } = provider.capabilities();
      expect(Object.keys(labels).length).toBeGreaterThan(0);
      expect(agentsMax).toBeGreaterThan(0);
      expect(["process", "container", "pod", "microvm"]).toContain(isolation);
    });

    test("starts an agent that dials in as it was asked to, and runs jobs", async () => {
      const { server, provider, request } = await set();
      const before = Date.now();
      const agent = await provider.provision(request());
      expect(agent).toMatchObject({ agentName: "agent-a" });
      expect(["starting", "running"]).toContain(agent.status);
      expect(agent.startedAtMs).toBeGreaterThanOrEqual(before - 1_000);
      expect(agent.where).not.toBe("");
      const session = await server.session(0);
      expect(session.hello).toMatchObject({
        agentName: "agent-a",
        labels: { zone: "a", team: "x y" },
        capabilities: { slots: 2 },
      });
      const job = await runningJob(server, { script: "echo hello" });
      expect(await server.result(job.attempt)).toMatchObject({ exitCode: 0 });
      expect(await provider.list(systemId)).toMatchObject([
        { agentName: "agent-a", status: "running" },
      ]);
      expect(await provider.list("another system")).toEqual([]);
    });

    test("the token reaches neither disk nor arguments, and no job", async () => {
      const { harness, server, provider, request } = await set();
      await provider.provision(request());
      await server.session(0);
      expect(await harness.traces()).not.toContain(token);
      const job = await runningJob(server, { script: "env; cat /proc/self/environ" });
      await server.result(job.attempt);
      expect(server.text(job.attempt)).not.toContain(token);
    });

    test("destroys an agent with all that it started, and only that one", async () => {
      const { harness, server, provider, request } = await set();
      server.tokens.add("other");
      await provider.provision(request());
      await server.session(0);
      const script = "echo $$; (setsid sleep 300 &) & trap '' TERM; while :; do sleep 0.1; done";
      const job = await runningJob(server, { script, killGraceMs: 60_000 });
      await provider.provision(request({ agentName: "agent-b", token: "other" }));
      await server.session(1);
      await provider.destroy("agent-a");
      const left = await provider.list(systemId);
      expect(left.map((agent) => agent.agentName)).toEqual(["agent-b"]);
      const pid = Number(server.text(job.attempt).trim());
      if (harness.isProcessAlive !== undefined) expect(harness.isProcessAlive(pid)).toBe(false);
    });

    test("destroying what is gone, or never was, is no error", async () => {
      const { provider, request, server } = await set();
      await provider.destroy("nobody");
      await provider.provision(request());
      await server.session(0);
      await provider.destroy("agent-a");
      await provider.destroy("agent-a");
      expect(await provider.list(systemId)).toEqual([]);
    });

    test("an agent's name can be used again once it is destroyed, not before", async () => {
      const { provider, request, server } = await set();
      await provider.provision(request());
      await server.session(0);
      await expect(provider.provision(request())).rejects.toThrow(/agent-a/);
      await provider.destroy("agent-a");
      server.tokens.add("again");
      await provider.provision(request({ token: "again" }));
      await server.session(1);
      expect(server.enrolments).toHaveLength(2);
    });

    test("a name that leads out of its place is refused", async () => {
      const { provider, request } = await set();
      for (const agentName of ["", "../x", "a/b", ".", "a b"]) {
        await expect(provider.provision(request({ agentName }))).rejects.toThrow();
      }
      expect(await provider.list(systemId)).toEqual([]);
    });

    test("tells of an agent that ends by itself, once, and not of one that it destroys", async () => {
      const { harness, provider, request, server } = await set();
      const told: { agent: ProvisionedAgent; cause: string }[] = [];
      const stop = provider.watch((agent, cause) => told.push({ agent, cause }));
      await provider.provision(request());
      await server.session(0);
      await harness.killAgent("agent-a");
      await waitUntil("the news", () => told.length > 0);
      expect(told).toMatchObject([{ agent: { agentName: "agent-a", status: "gone" } }]);
      expect(told[0]?.cause).not.toBe("");
      await provider.destroy("agent-a");
      server.tokens.add("again");
      await provider.provision(request({ token: "again" }));
      await server.session(1);
      await provider.destroy("agent-a");
      stop();
      expect(told).toHaveLength(1);
    });

    test("the reason why an agent ended at once can be read", async () => {
      const { provider, request } = await set();
      const causes: string[] = [];
      provider.watch((_agent, cause) => causes.push(cause));
      await provider.provision(request({ token: "wrong" }));
      await waitUntil("the news", () => causes.length > 0);
      expect(causes[0]).toMatch(/does not take this token/);
    });

    test("a new server process finds the agents of the one before, hears of their end, and ends them", async () => {
      const { harness, provider, request, server } = await set();
      await provider.provision(request());
      server.tokens.add("b");
      await provider.provision(request({ agentName: "agent-b", token: "b" }));
      await server.session(1);
      const next = harness.provider();
      const found = await next.list(systemId);
      expect(found.map((agent) => agent.agentName).sort()).toEqual(["agent-a", "agent-b"]);
      const gone: string[] = [];
      next.watch((agent) => gone.push(agent.agentName));
      await harness.killAgent("agent-a");
      await waitUntil("the news", () => gone.length > 0);
      expect(gone).toEqual(["agent-a"]);
      await next.destroy("agent-a");
      await next.destroy("agent-b");
      expect(await harness.provider().list(systemId)).toEqual([]);
    });

    test("jobs of an agent that was killed are ended by its destruction", async () => {
      const { harness, provider, request, server } = await set();
      await provider.provision(request());
      await server.session(0);
      const job = await runningJob(server, { script: "echo $$; exec sleep 300" });
      await harness.killAgent("agent-a");
      await waitUntil("the end of the session", () => server.last.over);
      const next = harness.provider();
      expect(await next.list(systemId)).toMatchObject([{ agentName: "agent-a", status: "gone" }]);
      await next.destroy("agent-a");
      const pid = Number(server.text(job.attempt).trim());
      if (harness.isProcessAlive !== undefined) expect(harness.isProcessAlive(pid)).toBe(false);
    });

    test("says why it cannot start anything", async ({ skip }) => {
      const { harness } = await set();
      const broken = harness.broken?.();
      if (broken === undefined) return skip("this provider has no such state to bring about");
      await expect(broken.provider.health()).rejects.toThrow(broken.reason);
    });
  });
}
