/**
 * How each connection is secured. An agent with a certificate speaks TLS 1.3 with it, to servers of its
 * own authority, and nothing else. Without one it is plain on loopback, TLS by the authorities that the
 * operator named (or the system's) elsewhere, and plain elsewhere only if he said so.
 */
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContextOptions } from "node:tls";
import { ChannelCredentials, type ClientOptions } from "@grpc/grpc-js";
import { AgentError, exitCodes } from "./agent-error.ts";
import { hasCertificate, type Identity } from "./identity.ts";
import type { ServerAddress } from "./server-address.ts";
import { authorityIn, parseToken, ServerUnknownError, shownAuthority } from "./server-trust.ts";

export interface SecurityOptions {
  /** PEM of the authority that signed the server's certificate; undefined = the system's. */
  readonly tlsCa?: Buffer | undefined;
  /** Off loopback only: send everything, credentials included, in the clear. */
  readonly plaintext?: boolean | undefined;
}

export interface ChannelSecurity {
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
}

/** For a token: a server that it names by its fingerprint, or any that the options trust. */
export async function enrolmentSecurity(
  address: ServerAddress,
  token: string,
  options: SecurityOptions,
): Promise<ChannelSecurity> {
  const { fingerprint } = parseToken(token);
  if (fingerprint === undefined) return unpinned(address, options);
  refusePlaintext(options);
  if (options.tlsCa === undefined) {
    return secured(address, { ca: await shownAuthority(address, fingerprint) });
  }
  const ca = authorityIn(options.tlsCa.toString("utf8"), fingerprint);
  if (ca !== undefined) return secured(address, { ca });
  throw new ServerUnknownError("what --tls-ca names is not the authority that this token is for");
}

/** For whom the agent is. Throws `AgentError` where it would have to speak plainly though it has a certificate. */
export function identitySecurity(
  address: ServerAddress,
  identity: Identity,
  options: SecurityOptions,
): ChannelSecurity {
  if (!hasCertificate(identity)) return unpinned(address, options);
  refusePlaintext(options);
  const { caPem: ca, certificatePem: cert, privateKeyPem: key } = identity;
  return secured(address, { ca, cert, key });
}

/** Whoever has a certificate, or gets one, never goes back to less. */
function refusePlaintext({ plaintext }: SecurityOptions): void {
  if (plaintext !== true) return;
  throw new AgentError("this server speaks TLS: leave out --plaintext", exitCodes.usage);
}

function unpinned(address: ServerAddress, { tlsCa, plaintext }: SecurityOptions): ChannelSecurity {
  const insecure = plaintext === true || (address.isLoopback && tlsCa === undefined);
  if (insecure) return { credentials: ChannelCredentials.createInsecure(), options: {} };
  return secured(address, tlsCa === undefined ? {} : { ca: tlsCa });
}

function secured({ host }: ServerAddress, context: SecureContextOptions): ChannelSecurity {
  const secureContext = createSecureContext({ ...context, minVersion: "TLSv1.3" });
  if (isIP(host) === 0) {
    return { credentials: ChannelCredentials.createFromSecureContext(secureContext), options: {} };
  }
  // An address is no name to ask for in TLS, but it is what the certificate must be good for.
  const credentials = ChannelCredentials.createFromSecureContext(secureContext, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
  return { credentials, options: { "grpc.ssl_target_name_override": "localhost" } };
}
