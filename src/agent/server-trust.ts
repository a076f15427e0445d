/**
 * By what the agent knows that it talks to its server, before it knows anything else: the fingerprint in
 * its token. The server shows its authority's certificate; only if that has the fingerprint is it trusted,
 * and then a connection is made that trusts nothing else. Nothing is said before.
 */
import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type DetailedPeerCertificate, type TLSSocket } from "node:tls";
import { agentLimits } from "./limits.ts";
import type { ServerAddress } from "./server-address.ts";

export interface EnrolmentToken {
  /** What the server gets. */
  readonly secret: string;
  /** SHA-256 of the authority's public key, base64url; undefined: the token is for a server without TLS of its own. */
  readonly fingerprint: string | undefined;
}

/** Reads `troupe_<secret>.<fingerprint>`. */
export function parseToken(token: string): EnrolmentToken {
  const at = token.lastIndexOf(".");
  return at < 0
    ? { secret: token, fingerprint: undefined }
    : { secret: token.slice(0, at), fingerprint: token.slice(at + 1) };
}

/** The server that answers is not the one that the token was made on. */
export class ServerUnknownError extends Error {}

/** PEM of the authority with this fingerprint, as the server shows it. Rejects with `ServerUnknownError`. */
export async function shownAuthority(address: ServerAddress, fingerprint: string): Promise<string> {
  const socket = await handshake(address);
  try {
    const found = chainOf(socket.getPeerCertificate(true)).find(
      (certificate) => fingerprintOf(certificate) === fingerprint,
    );
    if (found !== undefined) return found.toString();
    throw new ServerUnknownError(
      `the server at ${address.target} is not the one that this token was made on: it was changed since (then make a new token there), or somebody stands in between`,
    );
  } finally {
    socket.destroy();
  }
}

/** Of those in `pem`, the one with this fingerprint. */
export function authorityIn(pem: string, fingerprint: string): string | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.find((block) => fingerprintOf(new X509Certificate(block)) === fingerprint);
}

function fingerprintOf({ publicKey }: X509Certificate): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("base64url");
}

function handshake({ host, port, target }: ServerAddress): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: "TLSv1.3",
      ALPNProtocols: ["h2"],
      // Nothing is trusted yet, and nothing is said: the chain alone is looked at.
      rejectUnauthorized: false,
      timeout: agentLimits.enrolMs,
    });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", (error) => reject(new Error(`${target}: ${error.message}`)));
    socket.once("timeout", () => socket.destroy(new Error("no answer to the TLS handshake")));
  });
}

function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = leaf;
  while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}
