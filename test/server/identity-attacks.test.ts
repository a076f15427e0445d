/**
 * Attacks on identities, tried on real TLS sockets. Each one is refused with a status that does not help
 * the attacker, and is found in the audit trail.
 */
import { createServer as createTcpServer, type Socket } from "node:net";
import { connect, type SecureContextOptions } from "node:tls";
import { Metadata, status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { limits } from "../../src/actors/kernel/index.ts";
import { newKeyDraft } from "../../src/agent/certificate-request.ts";
import { grpcDialer } from "../../src/agent/link.ts";
import { agentUri } from "../../src/server/authority/agent-certificate.ts";
import {
  clientPurpose,
  makeAuthority,
  readRequest,
  type Signer,
  signClient,
  signingKey,
  signServer,
} from "../../src/server/authority/certificate-maker.ts";
import type { ControlClient, TroupeServer } from "../../src/server/index.ts";
import { waitUntil } from "../support/wait-until.ts";
import { type JumpingClock, jumpingClock } from "./jumping-clock.ts";
import { clientOf, job, newIdentity, runningServer, submission } from "./running-server.ts";
import { agentClient, enroll, ScriptedAgent } from "./scripted-agent.ts";
import {
  authoritiesOf,
  enrolTls,
  newTlsIdentity,
  renewTls,
  type TlsIdentity,
} from "./tls-agents.ts";

const hourMs = 3_600_000;

let server: TroupeServer;
let client: ControlClient;
let clock: JumpingClock;
let ca: string;

beforeEach(async () => {
  clock = jumpingClock();
  server = await runningServer({ tls: true, clock });
  client = await clientOf(server);
  ca = await authoritiesOf(client);
});

async function newToken(ttlMs = 0): Promise<string> {
  return (await client.createToken({ ttlMs, labels: {} })).token;
}

/** What the stream ends with for whoever shows this. */
async function connectionOf(tls: SecureContextOptions) {
  const agent = new ScriptedAgent(server.agentAddress, { agentId: "", credential: "", tls });
  agent.hello();
  return agent.end();
}

async function audited(kind: string, what: RegExp) {
  const { entries } = await client.listAudit({ limit: 1_000 });
  const found = entries.find((entry) => entry.kind === kind && what.test(entry.what));
  expect(found, `${kind} ${what} in ${JSON.stringify(entries)}`).toBeDefined();
  return found;
}

async function foreignSigner(): Promise<Signer> {
  const nowMs = Date.now();
  const made = await makeAuthority("troupe authority", {
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
  });
  return { certificatePem: made.certificatePem, key: await signingKey(made.keyBytes) };
}

/** A certificate with the name of a real agent, made by somebody else. */
async function forged(agentId: string): Promise<SecureContextOptions> {
  const { csrPem, privateKeyPem: key } = newKeyDraft();
  const request = await readRequest(csrPem);
  if ("problem" in request) throw new Error(request.problem);
  const validity = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs };
  const uri = agentUri(await systemId(), agentId);
  const { publicKey } = request;
  const cert = await signClient(await foreignSigner(), { publicKey, uri, name: agentId, validity });
  return { ca, cert, key };
}

async function systemId(): Promise<string> {
  const { tls } = await newTlsIdentity(server, client);
  const { X509Certificate } = await import("node:crypto");
  const { subjectAltName = "" } = new X509Certificate(tls.cert as string);
  return subjectAltName.replace("URI:spiffe://", "").split("/")[0] ?? "";
}

describe("a token", () => {
  it("that was used lets nobody else in; a copy of the very same call gets the same answer, useless without the key", async () => {
    const token = await newToken();
    const victim = await enrolTls(server.agentAddress, token, { ca });
    await expect(enrolTls(server.agentAddress, token, { ca })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/it is used/),
    });
    const replayed = await enrolTls(server.agentAddress, token, { ca, draft: victim.draft });
    const thief = newKeyDraft();
    const shown = { ca, cert: replayed.response.certificatePem, key: thief.privateKeyPem };
    // TLS itself refuses a certificate without its key, before there is a connection.
    expect(() => agentClient(server.agentAddress, shown)).toThrow(/key values mismatch/i);
    expect(await audited("enrolment-refused", /it is used/)).toMatchObject({
      agentId: victim.agentId,
    });
  });

  it("that has expired is refused", async () => {
    const token = await newToken(60_000);
    clock.ahead(60_000);
    await expect(enrolTls(server.agentAddress, token, { ca })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/it is expired/),
    });
    await audited("enrolment-refused", /it is expired/);
  });

  it("cannot be guessed: who tries has to wait, and is counted", async () => {
    const guess = (at: number) => `troupe_${String(at).padStart(43, "A")}`;
    const codes: (number | undefined)[] = [];
    for (let at = 0; at < limits.enrolmentFailuresMax + 5; at++) {
      codes.push(
        await enrolTls(server.agentAddress, guess(at), { ca }).then(
          () => undefined,
          (error: { code: number }) => error.code,
        ),
      );
    }
    const refused = codes.filter((code) => code === status.UNAUTHENTICATED);
    expect(refused).toHaveLength(limits.enrolmentFailuresMax);
    expect(codes.slice(-5)).toEqual(Array.from({ length: 5 }, () => status.RESOURCE_EXHAUSTED));
    // A right one has to wait too; afterwards it is good.
    const token = await newToken();
    await expect(enrolTls(server.agentAddress, token, { ca })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    clock.ahead(limits.enrolmentFailuresWithinMs);
    await enrolTls(server.agentAddress, token, { ca });
    const { entries, totals } = await client.listAudit({ limit: 1_000 });
    expect(totals).toMatchObject({
      "enrolment-refused": limits.enrolmentFailuresMax,
      "enrolment-throttled": 6,
    });
    // Twenty refusals are two entries: the journal is not the guesser's to fill.
    expect(entries.filter(({ kind }) => kind === "enrolment-refused").length).toBeLessThan(4);
  });
});

describe("a certificate", () => {
  it("of another authority, with the name of a real agent, opens nothing", async () => {
    const { agentId } = await newTlsIdentity(server, client);
    const refused = {
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/not signed by an authority/),
    };
    const shown = await forged(agentId);
    expect(await connectionOf(shown)).toMatchObject(refused);
    await expect(renewTls(server.agentAddress, { agentId, tls: shown })).rejects.toMatchObject(
      refused,
    );
    expect(await audited("identity-refused", /not signed by/)).toMatchObject({ agentId: "" });
  });

  it("that signs itself, with the name of a real agent, opens nothing", async () => {
    const { agentId } = await newTlsIdentity(server, client);
    const x509 = await import("@peculiar/x509");
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: [{ CN: [agentId] }],
      notBefore: new Date(Date.now() - hourMs),
      notAfter: new Date(Date.now() + hourMs),
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new x509.ExtendedKeyUsageExtension([clientPurpose]),
        new x509.SubjectAlternativeNameExtension([
          { type: "url", value: agentUri(await systemId(), agentId) },
        ]),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    const key = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
    expect(await connectionOf({ ca, cert: certificate.toString("pem"), key })).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/not signed by an authority/),
    });
  });

  it("that has ended opens no session; it is renewed for some days, then no more", async () => {
    const { agentId, tls } = await newTlsIdentity(server, client);
    clock.ahead(limits.certificateTtlMs);
    expect(await connectionOf(tls)).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/has expired.*new token/),
    });
    expect(await audited("identity-refused", /expired/)).toMatchObject({ agentId });
    await renewTls(server.agentAddress, { agentId, tls });
    clock.ahead(limits.certificateRenewGraceMs);
    await expect(renewTls(server.agentAddress, { agentId, tls })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/has expired/),
    });
  });

  it("that is not valid yet opens nothing", async () => {
    clock.ahead(3 * 24 * hourMs);
    const { tls } = await newTlsIdentity(server, client);
    clock.ahead(-3 * 24 * hourMs);
    expect(await connectionOf(tls)).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/not valid yet/),
    });
  });

  it("is needed: no credential counts, also not beside one", async () => {
    const plain = await runningServer();
    const other = await newIdentity(plain, await clientOf(plain));
    const bearer = { ...other, tls: { ca } };
    const agent = new ScriptedAgent(server.agentAddress, bearer);
    agent.hello();
    expect(await agent.end()).toMatchObject({ code: status.UNAUTHENTICATED });
    const [mine, victim] = [
      await newTlsIdentity(server, client),
      await newTlsIdentity(server, client),
    ];
    const both = new ScriptedAgent(server.agentAddress, {
      agentId: victim.agentId,
      credential: "x".repeat(43),
      tls: mine.tls,
    });
    both.hello();
    expect(await both.end()).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/only certificates count/),
    });
    await audited("identity-refused", new RegExp(`claims to be ${victim.agentId}`));
    expect(await connectionOf({ ca })).toMatchObject({ details: expect.stringMatching(/no cert/) });
  });

  it("of an agent is not that of a server: it cannot stand in the middle", async () => {
    const thief = await newTlsIdentity(server, client);
    const address = await fakeServer(thief.tls);
    const dialer = grpcDialer({ server: address });
    await expect(dialer.enrol({ ...request, token: await newToken() })).rejects.toThrow(
      /unsuitable certificate purpose|does not match|not in the cert/i,
    );
  });
});

const request = { token: "", agentName: "a", labels: {}, version: "1", csrPem: "" };

/** Speaks TLS with what it is given, and counts what it is told. */
async function fakeServer(tls: SecureContextOptions, told: Buffer[] = []): Promise<string> {
  const { createServer } = await import("node:tls");
  const listening = createServer({ ...tls, ALPNProtocols: ["h2"] }, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => told.push(bytes));
  });
  listening.on("tlsClientError", () => {});
  return listen(listening);
}

function listen(listening: ReturnType<typeof createTcpServer>): Promise<string> {
  onTestFinished(() => void listening.close());
  return new Promise((resolve) => {
    listening.listen(0, "127.0.0.1", () => {
      const address = listening.address();
      resolve(`127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
    });
  });
}

describe("a man in the middle", () => {
  it("of an enrolment is recognised before he is told anything", async () => {
    const signer = await foreignSigner();
    const validity = { notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs };
    const hosts = ["127.0.0.1", "localhost"];
    const { certificatePem, keyPem } = await signServer(signer, { hosts, name: "s", validity });
    const told: Buffer[] = [];
    const chain = `${certificatePem}\n${signer.certificatePem}\n`;
    const address = await fakeServer({ cert: chain, key: keyPem }, told);
    const token = await newToken();
    const dialer = grpcDialer({ server: address });
    await expect(dialer.enrol({ ...request, token })).rejects.toThrow(/somebody stands in between/);
    expect(Buffer.concat(told).toString("latin1")).not.toContain(token.slice(0, 20));
    // He may show the real authority's certificate, which is no secret, but not a chain that ends in it.
    const mixed = `${certificatePem}\n${ca}\n`;
    const second = await fakeServer({ cert: mixed, key: keyPem }, told);
    await expect(grpcDialer({ server: second }).enrol({ ...request, token })).rejects.toThrow();
    expect(Buffer.concat(told).toString("latin1")).not.toContain(token.slice(0, 20));
    // The token was not used up, and is good at the real server.
    const { csrPem } = newKeyDraft();
    await grpcDialer({ server: server.agentAddress }).enrol({ ...request, csrPem, token });
  });

  it("cannot talk anybody out of TLS 1.3, nor out of TLS", async () => {
    const [host = "", port] = server.agentAddress.split(":");
    const old = connect({ host, port: Number(port), ca, maxVersion: "TLSv1.2" });
    const error = await new Promise<Error>((resolve) => old.once("error", resolve));
    expect(String(error)).toMatch(/alert|version/i);
    const identity = await newTlsIdentity(server, client);
    const told: Buffer[] = [];
    const oldServer = await fakeServer({ ...identity.tls, maxVersion: "TLSv1.2" }, told);
    const token = await newToken();
    await expect(grpcDialer({ server: oldServer }).enrol({ ...request, token })).rejects.toThrow(
      /version|alert/i,
    );
    // Who answers without TLS gets a handshake, and not a word of the token.
    const plain: Buffer[] = [];
    const listening = createTcpServer((socket: Socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        plain.push(bytes);
        socket.end("HTTP/1.1 400 no TLS here\r\n\r\n");
      });
    });
    const address = await listen(listening);
    await expect(grpcDialer({ server: address }).enrol({ ...request, token })).rejects.toThrow();
    expect(Buffer.concat(plain).toString("latin1")).not.toContain(token.slice(0, 20));
    expect(() =>
      grpcDialer({ server: address, plaintext: true }).connect(stored(identity), {
        onMessage: () => {},
        onWritable: () => {},
        onLost: () => {},
      }),
    ).toThrow(/leave out --plaintext/);
    // A client without TLS gets no answer from a server with it.
    await expect(enroll(server.agentAddress, token.split(".")[0] ?? "")).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
  });
});

function stored({ agentId, response, draft }: TlsIdentity) {
  const { certificatePem, caPem } = response;
  const { privateKeyPem } = draft;
  return { agentId, certificatePem, privateKeyPem, caPem, receivedAtMs: 0, expiresAtMs: 0 };
}

it("an agent speaks TLS to another machine, and plainly only if its operator says so", async () => {
  const told: Buffer[] = [];
  const listening = createTcpServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      told.push(bytes);
      socket.destroy();
    });
  });
  // This machine by an address that is not loopback's.
  const address = (await listen(listening)).replace("127.0.0.1", "0.0.0.0");
  const token = `troupe_${"t".repeat(43)}`;
  await expect(grpcDialer({ server: address }).enrol({ ...request, token })).rejects.toThrow();
  const handshake = 0x16;
  expect(told.map(([first]) => first)).toEqual(told.map(() => handshake));
  expect(told.length).toBeGreaterThan(0);
  told.length = 0;
  const open = grpcDialer({ server: address, plaintext: true });
  await expect(open.enrol({ ...request, token })).rejects.toThrow();
  expect(told[0]?.toString("latin1")).toMatch(/^PRI \* HTTP/);
});

describe("an agent that is in", () => {
  it("can act for itself only: a job, an attempt, a run of another are refused, counted and audited", async () => {
    const [victim, thief] = [
      await newTlsIdentity(server, client),
      await newTlsIdentity(server, client),
    ];
    const agent = await ScriptedAgent.welcomed(server.agentAddress, victim, {
      labels: { of: "victim" },
    });
    await client.submitRun(submission("r", [job("a", { labels: { of: "victim" } })]));
    const { attempt } = await agent.next("assignment");
    if (attempt === undefined) throw new Error("an assignment without an attempt");
    agent.send({ $case: "accepted", value: { attempt } });
    agent.send({ $case: "started", value: { attempt, startedAtMs: Date.now() } });
    agent.log(attempt, 0, "mine\n");

    const other = await ScriptedAgent.welcomed(server.agentAddress, thief, { bootId: "boot-2" });
    for (const hijacked of [
      attempt,
      { ...attempt, attempt: 2 },
      { ...attempt, job: "b" },
      { ...attempt, runId: "q" },
      { runId: "", job: "", attempt: 0 },
    ]) {
      other.send({ $case: "accepted", value: { attempt: hijacked } });
      other.send({ $case: "started", value: { attempt: hijacked, startedAtMs: 1 } });
      other.log(hijacked, 5, "not mine\n");
      other.result(hijacked, { logBytes: 0 });
      expect(await other.next("resultAck")).toMatchObject({ recorded: false });
    }
    // In its hello it may claim what it likes: it is told to forget it.
    const claiming = new ScriptedAgent(server.agentAddress, thief);
    claiming.hello({ bootId: "boot-2", holding: [attempt] });
    expect(await claiming.next("welcome")).toMatchObject({ disowned: [attempt] });

    agent.result(attempt, { logBytes: 5 });
    expect(await agent.next("resultAck")).toMatchObject({ recorded: true });
    const pieces: Uint8Array[] = [];
    const whole = { runId: "r", job: "a", attempt: 1, offset: 0, follow: false };
    for await (const { data } of client.readLog(whole)) pieces.push(data);
    expect(Buffer.concat(pieces).toString()).toBe("mine\n");
    expect(await audited("attempt-refused", /r\/a#1/)).toMatchObject({ agentId: thief.agentId });
    const { totals } = await client.listAudit({ limit: 1 });
    expect(totals["attempt-refused"]).toBeGreaterThanOrEqual(21);
  });

  it("cannot have another's name certified: the request's own words do not count", async () => {
    const victim = await newTlsIdentity(server, client);
    const thief = await newTlsIdentity(server, client);
    const { X509CertificateGenerator: _, ...x509 } = await import("@peculiar/x509");
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ]);
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({
      name: [{ CN: [victim.agentId] }],
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: "url", value: agentUri(await systemId(), victim.agentId) },
        ]),
        new x509.BasicConstraintsExtension(true, 1, true),
      ],
    });
    const renewed = await new Promise<string>((resolve, reject) => {
      agentClient(server.agentAddress, thief.tls).renew(
        { csrPem: csr.toString("pem") },
        new Metadata(),
        (error, response) => (error === null ? resolve(response.certificatePem) : reject(error)),
      );
    });
    const { X509Certificate } = await import("node:crypto");
    const certificate = new X509Certificate(renewed);
    expect(certificate.subjectAltName).toContain(thief.agentId);
    expect(certificate.subjectAltName).not.toContain(victim.agentId);
    expect(certificate.ca).toBe(false);
    expect(certificate.subject).toBe(`CN=${thief.agentId}`);
  });

  it("of one identity is one: a copy of its key pushes the older one out, which is audited", async () => {
    const identity = await newTlsIdentity(server, client);
    const first = await ScriptedAgent.welcomed(server.agentAddress, identity);
    await ScriptedAgent.welcomed(server.agentAddress, identity, { bootId: "elsewhere" });
    expect(await first.next("refused")).toMatchObject({ code: "displaced" });
    await waitUntil("it is audited", async () => {
      const { entries } = await client.listAudit({ limit: 5 });
      return entries.some(({ kind }) => kind === "agent-displaced");
    });
  });
});
