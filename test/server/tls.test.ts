/** Identity by certificate, on real TLS sockets: enrolment, sessions, renewal, the deny list, rotation. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { newKeyDraft } from "../../src/agent/certificate-request.ts";
import { type Agent, type AgentOptions, startAgent } from "../../src/agent/index.ts";
import type { ControlClient, TroupeServer } from "../../src/server/index.ts";
import { waitUntil } from "../support/wait-until.ts";
import { jumpingClock } from "./jumping-clock.ts";
import {
  clientOf,
  job,
  runningServer,
  runToEnd,
  submission,
  temporaryFolder,
} from "./running-server.ts";
import { ScriptedAgent } from "./scripted-agent.ts";
import {
  authoritiesOf,
  enrolTls,
  newTlsIdentity,
  renewTls,
  type TlsIdentity,
} from "./tls-agents.ts";

async function realAgent(
  server: TroupeServer,
  client: ControlClient,
  options: Partial<AgentOptions> = {},
): Promise<Agent> {
  const { token } = await client.createToken({ ttlMs: 0, labels: {} });
  const agent = await startAgent({
    server: server.agentAddress,
    token,
    stateDir: temporaryFolder(),
    name: "real",
    ...options,
  });
  onTestFinished(async () => void (await agent.stop()));
  return agent;
}

/** The newest is the first. */
function authorityPem({ tls }: Pick<TlsIdentity, "tls">, index: number): string {
  const all = String(tls.ca).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return all?.[index] ?? "";
}

async function logOf(client: ControlClient): Promise<string> {
  const pieces: Uint8Array[] = [];
  const request = { runId: "r", job: "a", attempt: 1, offset: 0, follow: false };
  for await (const { data } of client.readLog(request)) pieces.push(data);
  return Buffer.concat(pieces).toString();
}

/** A condition: the log is longer than when it was first asked. */
function linesGrow(client: ControlClient): () => Promise<boolean> {
  let first: number | undefined;
  return async () => {
    const { length } = await logOf(client);
    first ??= length;
    return length > first + 100;
  };
}

describe("a server with TLS", () => {
  it("certifies an agent that has its token, and runs jobs on it", async () => {
    const server = await runningServer({ tls: true });
    const client = await clientOf(server);
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    expect(token).toMatch(/^troupe_[\w-]{43}\.[\w-]{43}$/);
    const agent = await realAgent(server, client);
    await agent.connected;
    await client.submitRun(submission("r", [job("a")]));
    expect(await runToEnd(client, "r")).toMatchObject({ summary: { jobsFinished: 1 } });
    const { entries } = await client.listAudit({ limit: 10 });
    expect(entries.map(({ kind }) => kind)).toEqual([
      "agent-enrolled",
      "token-created",
      "token-created",
    ]);
  });

  it("answers an enrolment again whose answer was lost, for the same key only", async () => {
    const server = await runningServer({ tls: true });
    const client = await clientOf(server);
    const ca = await authoritiesOf(client);
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    const draft = newKeyDraft();
    const first = await enrolTls(server.agentAddress, token, { ca, draft });
    const again = await enrolTls(server.agentAddress, token, { ca, draft });
    expect(again.agentId).toBe(first.agentId);
    await ScriptedAgent.welcomed(server.agentAddress, again);
    await expect(enrolTls(server.agentAddress, token, { ca })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/it is used/),
    });
  });

  it("keeps its authority over a restart, and its agents their certificates", async () => {
    const first = await runningServer({ tls: true });
    const identity = await newTlsIdentity(first, await clientOf(first));
    await first.stop();
    const second = await runningServer({ tls: true, dataDir: first.dataDir });
    expect(second.agentAddress).toBe(first.agentAddress);
    await ScriptedAgent.welcomed(second.agentAddress, identity);
  });

  it("does not start with another passphrase, and says what is missing", async () => {
    const first = await runningServer({ tls: true, authorityPassphrase: "one passphrase" });
    await first.stop();
    const again = { tls: true, dataDir: first.dataDir };
    await expect(
      runningServer({ ...again, authorityPassphrase: "another passphrase" }),
    ).rejects.toMatchObject({ code: "TROUPE_AUTHORITY_LOCKED" });
    await expect(runningServer(again)).rejects.toMatchObject({ code: "TROUPE_AUTHORITY_LOCKED" });
    await runningServer({ ...again, authorityPassphrase: "one passphrase" });
  });
});

describe("a denied agent", () => {
  it("loses its session at once, gets no other and no certificate, until it is allowed", async () => {
    const server = await runningServer({ tls: true });
    const client = await clientOf(server);
    const identity = await newTlsIdentity(server, client);
    const { agentId } = identity;
    const agent = await ScriptedAgent.welcomed(server.agentAddress, identity);
    expect(await client.denyAgent({ agentId, reason: "stolen" })).toEqual({ sessionsEnded: 1 });
    expect(await agent.next("refused")).toMatchObject({ code: "denied", permanent: true });
    const refused = { code: status.UNAUTHENTICATED, details: expect.stringMatching(/stolen/) };
    const other = new ScriptedAgent(server.agentAddress, identity);
    other.hello();
    expect(await other.end()).toMatchObject(refused);
    await expect(renewTls(server.agentAddress, identity)).rejects.toMatchObject(refused);
    await client.allowAgent({ agentId });
    await ScriptedAgent.welcomed(server.agentAddress, identity);
  });

  it("stays denied over a restart; a real one stops, and says why", async () => {
    const first = await runningServer({ tls: true });
    const client = await clientOf(first);
    const agent = await realAgent(first, client);
    await agent.connected;
    const [worker] = (await client.listWorkers({})).workers;
    const agentId = worker?.workerId ?? "";
    await client.denyAgent({ agentId, reason: "out of service" });
    expect(await agent.ended).toMatchObject({
      exitCode: 3,
      reason: expect.stringMatching(/denied.*out of service/),
    });
    await first.stop();
    const second = await runningServer({ tls: true, dataDir: first.dataDir });
    await (await clientOf(second)).allowAgent({ agentId });
  });

  it("may be one that has not come yet: its token is worth nothing then", async () => {
    const server = await runningServer({ tls: true });
    const client = await clientOf(server);
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    const { entries } = await client.listAudit({ limit: 1 });
    await client.denyAgent({
      agentId: entries[0]?.agentId ?? "",
      reason: "sent to the wrong list",
    });
    const ca = await authoritiesOf(client);
    await expect(enrolTls(server.agentAddress, token, { ca })).rejects.toMatchObject({
      details: expect.stringMatching(/it is denied/),
    });
  });

  it("that nobody knows is an error with its id", async () => {
    const client = await clientOf(await runningServer());
    await expect(client.denyAgent({ agentId: "agent-x", reason: "" })).rejects.toMatchObject({
      code: "TROUPE_AGENT_NOT_FOUND",
    });
  });
});

describe("a certificate", () => {
  it("is renewed before its end, while a job runs whose log goes on without a gap", async () => {
    const server = await runningServer({ tls: true, certificateTtlMs: 5_000 });
    const client = await clientOf(server);
    const stateDir = temporaryFolder();
    const agent = await realAgent(server, client, { stateDir });
    await agent.connected;
    const certificate = () => readFileSync(join(stateDir, "identity.json"), "utf8");
    const first = certificate();
    expect(statSync(join(stateDir, "identity.json")).mode & 0o777).toBe(0o600);
    const script = `i=0; while [ ! -e ${stateDir}/stop ]; do echo line $i; i=$((i+1)); sleep 0.02; done`;
    await client.submitRun(submission("r", [job("a", { script })]));
    await waitUntil("the certificate is another one", () => certificate() !== first);
    // Of the next stream, over the new certificate.
    await waitUntil("more has come since", linesGrow(client));
    writeFileSync(join(stateDir, "stop"), "");
    expect(await runToEnd(client, "r")).toMatchObject({ jobs: [{ attempt: 1, exitCode: 0 }] });
    const lines = (await logOf(client)).split("\n").slice(0, -1);
    expect(lines).toEqual(lines.map((_, at) => `line ${at}`));
  });

  it("is renewed over a new key, which opens a session; so does the one before, to its end", async () => {
    const server = await runningServer({ tls: true });
    const identity = await newTlsIdentity(server, await clientOf(server));
    const renewed = await renewTls(server.agentAddress, identity);
    expect(renewed.tls.cert).not.toBe(identity.tls.cert);
    const older = await ScriptedAgent.welcomed(server.agentAddress, identity);
    await ScriptedAgent.welcomed(server.agentAddress, renewed);
    expect(await older.end()).toMatchObject({ code: status.UNAVAILABLE });
  });
});

describe("a change of authority", () => {
  it("is learnt by agents when they renew, before a server shows it", async () => {
    const server = await runningServer({ tls: true });
    const client = await clientOf(server);
    const identity = await newTlsIdentity(server, client);
    const before = await authoritiesOf(client);
    const { authorities } = await client.rotateAuthority({});
    expect(authorities.map(({ signsAgents, signsServers }) => [signsAgents, signsServers])).toEqual(
      [
        [true, false],
        [false, true],
      ],
    );
    const renewed = await renewTls(server.agentAddress, identity);
    expect(String(renewed.tls.ca).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    await ScriptedAgent.welcomed(server.agentAddress, renewed);
    // Who has not heard of it yet still knows the server, and is known.
    await ScriptedAgent.welcomed(server.agentAddress, identity);
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    await enrolTls(server.agentAddress, token, { ca: before });
  });

  it("moves everybody over, by the passing of time alone", async () => {
    const clock = jumpingClock();
    const server = await runningServer({ tls: true, clock });
    const client = await clientOf(server);
    const identity = await newTlsIdentity(server, client);
    const before = await authoritiesOf(client);
    const token = () => client.createToken({ ttlMs: 0, labels: {} });
    const early = await token();
    await client.rotateAuthority({ overlapMs: 600_000 });
    const renewed = await renewTls(server.agentAddress, identity);
    clock.ahead(300_000);
    await waitUntil("the server shows the new one", async () => {
      const made = await enrolTls(server.agentAddress, (await token()).token, {
        ca: authorityPem(renewed, 0),
      }).catch(() => undefined);
      return made !== undefined;
    });
    await ScriptedAgent.welcomed(server.agentAddress, renewed);
    clock.ahead(300_000);
    expect((await client.listAuthorities({})).authorities).toHaveLength(1);
    await ScriptedAgent.welcomed(server.agentAddress, renewed);
    const late = new ScriptedAgent(server.agentAddress, {
      ...identity,
      tls: { ...identity.tls, ca: renewed.tls.ca },
    });
    late.hello();
    expect(await late.end()).toMatchObject({ details: expect.stringMatching(/not signed by/) });
    await expect(enrolTls(server.agentAddress, early.token, { ca: before })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    const ca = await authoritiesOf(client);
    await enrolTls(server.agentAddress, (await token()).token, { ca });
  });

  it("without an overlap shuts out all that had been let in", async () => {
    const server = await runningServer({ tls: true });
    const client = await clientOf(server);
    const identity = await newTlsIdentity(server, client);
    await client.rotateAuthority({ overlapMs: 0 });
    const ca = await authoritiesOf(client);
    await expect(
      renewTls(server.agentAddress, { ...identity, tls: { ...identity.tls, ca } }),
    ).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });

  it("is bounded, and refused where there are no certificates", async () => {
    const client = await clientOf(await runningServer({ tls: true }));
    for (let count = 0; count < 3; count++) await client.rotateAuthority({});
    await expect(client.rotateAuthority({})).rejects.toMatchObject({
      code: "TROUPE_AUTHORITY_BUSY",
    });
    const plain = await clientOf(await runningServer());
    await expect(plain.rotateAuthority({})).rejects.toMatchObject({ code: "TROUPE_TLS_OFF" });
  });
});
