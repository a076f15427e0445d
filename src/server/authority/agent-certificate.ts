/**
 * Whose certificate is this? Decided purely, by our own clock, and apart from TLS: the handshake has
 * proven that the peer holds the key, all the rest is judged here.
 */
import { X509Certificate } from "node:crypto";
import { clientPurpose } from "./certificate-maker.ts";

export interface CertificateTerms {
  /** PEM of each authority that counts now. */
  readonly authorities: readonly string[];
  readonly systemId: string;
  readonly nowMs: number;
  /** How far the clocks of servers may be apart. */
  readonly skewMs: number;
  /** How long after its end it still counts; 0 but for renewal. */
  readonly graceMs: number;
}

export type CertificateVerdict =
  | { readonly agentId: string; readonly expiresAtMs: number }
  | { readonly problem: CertificateProblem; readonly agentId?: string };

export type CertificateProblem = "foreign" | "purpose" | "early" | "expired";

/** Who the agent is in its certificate: a SPIFFE id. */
export function agentUri(systemId: string, agentId: string): string {
  return `spiffe://${systemId}/agent/${agentId}`;
}

/** `raw`: DER, as the peer showed it. */
export function judgeCertificate(raw: Uint8Array, terms: CertificateTerms): CertificateVerdict {
  const certificate = parsed(raw);
  if (certificate === undefined || !terms.authorities.some((pem) => signedBy(certificate, pem))) {
    return { problem: "foreign" };
  }
  const agentId = agentIdOf(certificate, terms.systemId);
  const purposes: readonly string[] = certificate.keyUsage ?? [];
  if (agentId === undefined || certificate.ca || !purposes.includes(clientPurpose)) {
    return { problem: "purpose" };
  }
  const { nowMs, skewMs, graceMs } = terms;
  if (nowMs + skewMs < Date.parse(certificate.validFrom)) return { problem: "early", agentId };
  const expiresAtMs = Date.parse(certificate.validTo);
  return nowMs - graceMs < expiresAtMs ? { agentId, expiresAtMs } : { problem: "expired", agentId };
}

function parsed(raw: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(raw);
  } catch {
    return undefined;
  }
}

function signedBy(certificate: X509Certificate, authorityPem: string): boolean {
  const authority = new X509Certificate(authorityPem);
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

/** Only we sign these names, so the form is known exactly; one name, no others beside it. */
function agentIdOf(certificate: X509Certificate, systemId: string): string | undefined {
  const start = `URI:${agentUri(systemId, "")}`;
  const names = certificate.subjectAltName ?? "";
  if (!names.startsWith(start)) return undefined;
  const agentId = names.slice(start.length);
  return /^[\w-]{1,64}$/.test(agentId) ? agentId : undefined;
}
