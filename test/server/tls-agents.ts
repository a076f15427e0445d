/** Agents with certificates, and whoever would like to be one: keys, requests and certificates as a test wants them. */
import type { SecureContextOptions } from "node:tls";
import type { EnrollResponse } from "../../proto/troupe/agent/v1/agent.ts";
import { type KeyDraft, newKeyDraft } from "../../src/agent/certificate-request.ts";
import { parseToken } from "../../src/agent/server-trust.ts";
import type { ControlClient } from "../../src/server/index.ts";
import { agentClient, type Identity } from "./scripted-agent.ts";

export interface TlsIdentity extends Identity {
  readonly tls: SecureContextOptions;
  readonly response: EnrollResponse;
  readonly draft: KeyDraft;
}

/** PEM of all authorities of that server. */
export async function authoritiesOf(client: ControlClient): Promise<string> {
  const { authorities } = await client.listAuthorities({});
  return authorities.map(({ certificatePem }) => certificatePem).join("\n");
}

/** Trades a token over TLS, as an honest agent does; rejects with the gRPC error. */
export function enrolTls(
  address: string,
  token: string,
  {
    ca,
    draft = newKeyDraft(),
    tls = {},
  }: { ca: string; draft?: KeyDraft; tls?: SecureContextOptions },
): Promise<TlsIdentity> {
  const { secret } = parseToken(token);
  const request = { token: secret, agentName: "scripted", labels: {}, version: "1.2.3" };
  return new Promise((resolve, reject) => {
    agentClient(address, { ca, ...tls }).enroll(
      { ...request, csrPem: draft.csrPem },
      (error, response) => {
        if (error !== null) return reject(error);
        const { agentId, certificatePem, caPem } = response;
        const shown = { ca: caPem, cert: certificatePem, key: draft.privateKeyPem };
        resolve({ agentId, credential: "", response, draft, tls: shown });
      },
    );
  });
}

/** A fresh agent of that server. */
export async function newTlsIdentity(
  server: { readonly agentAddress: string },
  client: ControlClient,
): Promise<TlsIdentity> {
  const { token } = await client.createToken({ ttlMs: 0, labels: {} });
  return enrolTls(server.agentAddress, token, { ca: await authoritiesOf(client) });
}

/** A new certificate over a new key; rejects with the gRPC error. */
export function renewTls(
  address: string,
  identity: Pick<TlsIdentity, "agentId" | "tls">,
): Promise<Identity & { tls: SecureContextOptions }> {
  const { agentId, tls } = identity;
  const { csrPem, privateKeyPem } = newKeyDraft();
  return new Promise((resolve, reject) => {
    agentClient(address, tls).renew({ csrPem }, (error, response) => {
      if (error !== null) return reject(error);
      const { certificatePem: cert, caPem: ca } = response;
      resolve({ agentId, credential: "", tls: { ca, cert, key: privateKeyPem } });
    });
  });
}
