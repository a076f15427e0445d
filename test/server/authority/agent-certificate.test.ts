/** What a certificate must be to count, as a table: each row changes one thing of one that does. */
import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { newKeyDraft } from "../../../src/agent/certificate-request.ts";
import {
  agentUri,
  type CertificateTerms,
  judgeCertificate,
} from "../../../src/server/authority/agent-certificate.ts";
import {
  type KeyRequest,
  makeAuthority,
  readRequest,
  type Signer,
  signClient,
  signingKey,
  signServer,
} from "../../../src/server/authority/certificate-maker.ts";

const nowMs = Date.parse("2030-01-01T12:00:00Z");
const hourMs = 3_600_000;
const validity = { notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + hourMs };
const uri = agentUri("system-1", "agent-1");

let ours: Signer;
let theirs: Signer;
let request: KeyRequest;
let terms: CertificateTerms;

beforeAll(async () => {
  const signer = async (): Promise<Signer> => {
    const made = await makeAuthority("the same name", {
      notBeforeMs: nowMs - 24 * hourMs,
      notAfterMs: nowMs + 24 * hourMs,
    });
    return { certificatePem: made.certificatePem, key: await signingKey(made.keyBytes) };
  };
  [ours, theirs] = [await signer(), await signer()];
  const read = await readRequest(newKeyDraft().csrPem);
  if ("problem" in read) throw new Error(read.problem);
  request = read;
  terms = {
    authorities: [ours.certificatePem],
    systemId: "system-1",
    nowMs,
    skewMs: 60_000,
    graceMs: 0,
  };
});

async function raw(by: Signer, of: Partial<{ uri: string; validity: typeof validity }> = {}) {
  const subject = { publicKey: request.publicKey, name: "n", uri, validity, ...of };
  return new X509Certificate(await signClient(by, subject)).raw;
}

describe("an agent's certificate", () => {
  it("names its agent, and says until when", async () => {
    const verdict = judgeCertificate(await raw(ours), terms);
    expect(verdict).toEqual({ agentId: "agent-1", expiresAtMs: validity.notAfterMs });
  });

  it("of another authority is foreign, also one of the same name", async () => {
    expect(judgeCertificate(await raw(theirs), terms)).toEqual({ problem: "foreign" });
    const both = { ...terms, authorities: [theirs.certificatePem, ours.certificatePem] };
    expect(judgeCertificate(await raw(theirs), both)).toMatchObject({ agentId: "agent-1" });
  });

  it("of another system, or with another form of name, is none", async () => {
    for (const other of [
      agentUri("system-2", "agent-1"),
      "spiffe://system-1/server",
      "spiffe://system-1/agent/",
      "spiffe://system-1/agent/a/b",
      "https://system-1/agent/agent-1",
    ]) {
      expect(judgeCertificate(await raw(ours, { uri: other }), terms)).toEqual({
        problem: "purpose",
      });
    }
  });

  it("counts within its time, with some tolerance for its beginning", async () => {
    const shown = await raw(ours);
    const judged = (atMs: number, graceMs = 0) =>
      judgeCertificate(shown, { ...terms, nowMs: atMs, graceMs });
    expect(judged(validity.notBeforeMs - 60_001)).toMatchObject({ problem: "early" });
    expect(judged(validity.notBeforeMs - 60_000)).toMatchObject({ agentId: "agent-1" });
    expect(judged(validity.notAfterMs - 1)).toMatchObject({ agentId: "agent-1" });
    expect(judged(validity.notAfterMs)).toEqual({ problem: "expired", agentId: "agent-1" });
    expect(judged(validity.notAfterMs + hourMs - 1, hourMs)).not.toHaveProperty("problem");
    expect(judged(validity.notAfterMs + hourMs, hourMs)).toMatchObject({ problem: "expired" });
  });

  it("is not that of a server, nor the authority's own", async () => {
    const server = await signServer(ours, { hosts: ["localhost"], name: "s", validity });
    const certificate = new X509Certificate(server.certificatePem);
    expect(judgeCertificate(certificate.raw, terms)).toEqual({ problem: "purpose" });
    const authority = new X509Certificate(ours.certificatePem);
    expect(judgeCertificate(authority.raw, terms)).toEqual({ problem: "purpose" });
  });

  it("is bytes that can be read", () => {
    expect(judgeCertificate(Buffer.from("no certificate"), terms)).toEqual({ problem: "foreign" });
  });
});

describe("a request for a certificate", () => {
  it.each([
    ["nothing", () => ""],
    ["no PEM", () => "hello"],
    [
      "a damaged one",
      () => newKeyDraft().csrPem.replace(/\n[A-Za-z0-9]{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
    ],
    ["a certificate", () => ours.certificatePem],
  ])("%s is refused", async (_what, csrPem) => {
    expect(await readRequest(csrPem())).toMatchObject({ problem: expect.any(String) });
  });

  it("for somebody else's key is refused: its sender cannot sign with it", async () => {
    const [mine, yours] = [newKeyDraft(), newKeyDraft()];
    const [a, b] = [mine, yours].map(({ csrPem }) =>
      Buffer.from(csrPem.replace(/-----.*-----|\n/g, ""), "base64"),
    ) as [Buffer, Buffer];
    // The key of one in the request of the other: both are of the same length and form.
    const at = a.indexOf(Buffer.from("03420004", "hex"));
    expect(at).toBeGreaterThan(0);
    const mixed = Buffer.concat([a.subarray(0, at), b.subarray(at, at + 68), a.subarray(at + 68)]);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${mixed.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(await readRequest(pem)).toMatchObject({ problem: expect.stringMatching(/not signed/) });
  });
});
