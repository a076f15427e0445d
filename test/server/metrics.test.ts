/** The figures of a real server, as a scrape gives them; its agents are scripted, so that they can misbehave. */
import { Registry } from "prom-client";
import { expect, it, onTestFinished } from "vitest";
import { Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { serveMetrics } from "../../src/cli/metrics-endpoint.ts";
import { causeOf } from "../../src/server/agent-metrics.ts";
import { waitUntil } from "../support/wait-until.ts";
import { jumpingClock } from "./jumping-clock.ts";
import { obedientAgent } from "./obedient-agent.ts";
import {
  clientOf,
  job,
  newIdentity,
  runningServer,
  runToEnd,
  submission,
} from "./running-server.ts";
import { ScriptedAgent } from "./scripted-agent.ts";

/** Every sample as `name{labels}` → value. */
async function scrape(registry: Registry): Promise<Map<string, number>> {
  const samples = (await registry.metrics())
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line): [string, number] => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at).replace(/^troupe_/, ""), Number(line.slice(at + 1))];
    });
  return new Map(samples);
}

it("counts what agents do, and what they must not", async () => {
  const registry = new Registry();
  const server = await runningServer({ metrics: registry });
  const client = await clientOf(server);
  const identity = await newIdentity(server, client);
  const { agent } = await obedientAgent(server.agentAddress, identity, { work: () => undefined });
  await client.submitRun(submission("r", [job("a"), job("b")]));
  await waitUntil("both are assigned", () => agent.all("assignment").length === 2);
  const attempt = { runId: "r", job: "a", attempt: 1 };
  agent.log(attempt, 0, "one\ntwo\n");
  agent.log(attempt, 4, "two\nthree");
  agent.log({ ...attempt, job: "of somebody else" }, 0, "x");
  agent.send({
    $case: "heartbeat",
    value: { sequence: 1, running: [attempt], logBytesKept: 12_345 },
  });
  const killed = { logBytes: 13, outcome: Outcome.FAILED, exitCode: 137, signal: "SIGKILL" };
  agent.result(attempt, { ...killed, reason: "killed by SIGKILL" });
  await agent.next("resultAck");
  agent.result(attempt, killed);
  agent.result({ ...attempt, job: "b" }, {});
  await runToEnd(client, "r");
  const samples = await waitUntil("all is counted", async () => {
    const found = await scrape(registry);
    return found.get('job_attempts_ended_total{outcome="succeeded",cause="none"}') === 1 && found;
  });
  expect(Object.fromEntries(samples)).toMatchObject({
    agents_connected: 1,
    'agent_sessions_total{kind="new"}': 1,
    'agent_enrolments_total{answer="enrolled"}': 1,
    agent_assignments_total: 2,
    agent_log_bytes_total: 13,
    agent_log_lines_total: 2,
    agent_log_unacknowledged_bytes: 12_345,
    'agent_forged_messages_total{message="log"}': 1,
    agent_results_resent_total: 1,
    'job_attempts_ended_total{outcome="failed",cause="SIGKILL"}': 1,
  });
  expect([...samples.keys()].some((name) => name.startsWith("actor_messages_total"))).toBe(true);

  agent.vanish();
  const again = new ScriptedAgent(server.agentAddress, identity);
  again.hello({ dial: 2 });
  await again.next("welcome");
  const wrong = new ScriptedAgent(server.agentAddress, identity);
  wrong.hello({ protocolVersion: 99 });
  await wrong.end();
  const nobody = new ScriptedAgent(server.agentAddress, {
    agentId: "nobody",
    credential: "x".repeat(43),
  });
  nobody.hello();
  await nobody.end();
  expect(Object.fromEntries(await scrape(registry))).toMatchObject({
    'agent_sessions_total{kind="resumed"}': 1,
    'agent_hellos_refused_total{reason="protocol-version"}': 1,
    'agent_identities_refused_total{reason="unknown"}': 1,
  });
});

it("counts the leases that agents have lost", async () => {
  const registry = new Registry();
  const clock = jumpingClock();
  const server = await runningServer({ metrics: registry, clock });
  const client = await clientOf(server);
  const identity = await newIdentity(server, client);
  const agent = new ScriptedAgent(server.agentAddress, identity);
  agent.hello();
  await agent.next("welcome");
  agent.vanish();
  await waitUntil("its lease is lost", async () => {
    clock.ahead(20_000);
    return (await scrape(registry)).get("agent_leases_lost_total") === 1;
  });
  expect((await scrape(registry)).get("agents_connected")).toBe(0);
});

it.each([
  [{ outcome: "succeeded" }, "none"],
  [{ outcome: "failed", exitCode: 2, reason: "exit code 2" }, "exit-code"],
  [{ outcome: "failed", reason: "killed: 512 MiB memory limit" }, "memory-limit"],
  [{ outcome: "failed", signal: "SIGSEGV" }, "SIGSEGV"],
  [{ outcome: "failed", signal: "SIGNAL-OF-AN-ATTACKER-17" }, "signal"],
  [{ outcome: "failed", signal: "toString" }, "signal"],
  [{ outcome: "failed", exitCode: 0, reason: "its outputs cannot be read" }, "leavings"],
  [
    {
      outcome: "failed",
      exitCode: 1,
      reason: "exit code 1, after it was refused a process beyond its limit of 9",
    },
    "process-limit",
  ],
] as const)("%j has a cause of few: %s", (result, cause) => {
  expect(causeOf({ outputs: {}, reason: "", ...result })).toBe(cause);
});

it("is served over HTTP, and nothing else is", async () => {
  const registry = new Registry();
  await runningServer({ metrics: registry });
  const endpoint = await serveMetrics(registry, "0");
  onTestFinished(() => endpoint.close());
  const answer = await fetch(endpoint.url);
  expect(answer.headers.get("content-type")).toBe(registry.contentType);
  expect(await answer.text()).toContain("\ntroupe_agents_connected 0\n");
  expect((await fetch(endpoint.url.replace("/metrics", "/"))).status).toBe(404);
  expect((await fetch(endpoint.url, { method: "POST" })).status).toBe(404);
  for (const wrong of ["", "host", "127.0.0.1:99999"]) {
    await expect(serveMetrics(registry, wrong)).rejects.toThrow(/wants host:port/);
  }
});
