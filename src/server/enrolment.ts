/**
 * How an agent gets in: a person (or the agent supply) makes a one-time token, the agent trades it for an
 * id and shows that with every connection. With TLS the id is in a certificate, whose key only the agent
 * has. Without, on loopback, a credential goes with it. Tokens and credentials are 32 random bytes; the
 * server keeps their hashes only.
 */
import { createHash } from "node:crypto";
import {
  type Clock,
  type Logger,
  limits,
  type Random,
  TroupeError,
} from "../actors/kernel/index.ts";
import type { System } from "../actors/system/index.ts";
import { AgentIdentity, type Binding } from "./agent-identity.ts";
import { labelProblem } from "./agent-messages.ts";

const tokenPrefix = "troupe_";
const secretBytes = 32;
/** Enough that two tokens never share an id; short enough for a table. */
const idCharacters = 20;

export interface IssuedToken {
  /**
   * Shown once, stored nowhere. With TLS, `<token>.<fingerprint>`: by the fingerprint of the authority the
   * agent knows the server before it says anything.
   */
  readonly token: string;
  /** The id that the agent will have. */
  readonly agentId: string;
  readonly expiresAtMs: number;
}

export interface TokenOptions extends Partial<Binding> {
  /** Default 15 minutes; at most 30 days. */
  readonly ttlMs?: number;
}

export interface EnrolRequest {
  readonly token: string;
  readonly agentName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  /** SHA-256 of the public key that is to be certified; absent: a credential is asked for. */
  readonly keyHash?: string;
}

export interface EnrolledIdentity {
  readonly agentId: string;
  readonly agentName: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Enrolment {
  /** Throws `TROUPE_REQUEST_INVALID` for a time or labels out of bounds. */
  createToken(options?: TokenOptions): Promise<IssuedToken>;
  /**
   * `credential` is empty where a key is certified. Throws `TROUPE_TOKEN_REFUSED`; `TROUPE_REQUEST_INVALID` for
   * labels or names out of bounds.
   */
  enrol(request: EnrolRequest): Promise<EnrolledIdentity & { readonly credential: string }>;
  /** Reads `Bearer <agent id>.<credential>`. Throws `TROUPE_AGENT_REFUSED`, `TROUPE_AGENT_DENIED`. */
  authenticate(authorization: string | undefined): Promise<EnrolledIdentity>;
  /** For an agent whose certificate is verified. Throws `TROUPE_AGENT_REFUSED`, `TROUPE_AGENT_DENIED`. */
  admit(agentId: string): Promise<EnrolledIdentity>;
  /** Shuts the agent (or the bearer of its token) out until `allow`. Throws `TROUPE_AGENT_NOT_FOUND`. */
  deny(agentId: string, reason: string): Promise<void>;
  /** Throws `TROUPE_AGENT_NOT_FOUND`. */
  allow(agentId: string): Promise<void>;
  /** The agent is gone for good: its credential is worth nothing any more. No error if it is unknown. */
  forget(agentId: string): Promise<void>;
}

export interface EnrolmentServices {
  readonly system: Pick<System, "actor">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of the authority that signed the server's certificate; undefined: the server has none. */
  readonly fingerprint?: () => string | undefined;
}

export function createEnrolment(services: EnrolmentServices): Enrolment {
  return {
    createToken: (options = {}) => createToken(services, options),
    enrol: (request) => enrol(services, request),
    authenticate: (authorization) => authenticate(services, authorization),
    admit: (agentId) => admit(services, agentId),
    deny: async (agentId, reason) => {
      const tried = await services.system.actor(AgentIdentity, agentId).try.deny(reason);
      if (!tried.ok) throw new TroupeError("TROUPE_AGENT_NOT_FOUND", { agent: agentId });
    },
    allow: async (agentId) => {
      const tried = await services.system.actor(AgentIdentity, agentId).try.allow();
      if (!tried.ok) throw new TroupeError("TROUPE_AGENT_NOT_FOUND", { agent: agentId });
    },
    forget: (agentId) => services.system.actor(AgentIdentity, agentId).forget(),
  };
}

async function createToken(
  { system, clock, random, fingerprint }: EnrolmentServices,
  options: TokenOptions,
): Promise<IssuedToken> {
  const ttlMs = options.ttlMs || limits.tokenTtlMs;
  const { labels = {}, agentName = "" } = options;
  const problem =
    ttlMs > limits.tokenTtlMsMax
      ? `expected a time to live up to ${limits.tokenTtlMsMax} ms, got ${ttlMs}`
      : labelProblem(labels);
  if (problem !== undefined) {
    throw new TroupeError("TROUPE_REQUEST_INVALID", { request: "createToken", problem });
  }
  const token = tokenPrefix + newSecret(random);
  const tokenHash = hashOf(token);
  const agentId = idOf(tokenHash);
  const expiresAtMs = clock.nowMs() + ttlMs;
  await system
    .actor(AgentIdentity, agentId)
    .invite({ tokenHash, expiresAtMs, labels: { ...labels }, agentName });
  const pin = fingerprint?.();
  return { token: pin === undefined ? token : `${token}.${pin}`, agentId, expiresAtMs };
}

async function enrol(
  { system, random, logger }: EnrolmentServices,
  request: EnrolRequest,
): Promise<EnrolledIdentity & { readonly credential: string }> {
  const problem =
    labelProblem(request.labels) ??
    textProblem({ agent_name: request.agentName, version: request.version });
  if (problem !== undefined) {
    throw new TroupeError("TROUPE_REQUEST_INVALID", { request: "enroll", problem });
  }
  const tokenHash = hashOf(checkedToken(request.token));
  const agentId = idOf(tokenHash);
  const { agentName, labels, version, keyHash = "" } = request;
  const credential = keyHash === "" ? newSecret(random) : "";
  const tried = await system.actor(AgentIdentity, agentId).try.enrol({
    tokenHash,
    credentialHash: credential === "" ? "" : hashOf(credential),
    keyHash,
    agentName,
    labels: { ...labels },
    version,
  });
  if (!tried.ok) {
    const { reason } = tried.rejection;
    logger.warn(`enrolment refused: ${refusals[reason]}`, { agent: agentName, token: agentId });
    throw new TroupeError("TROUPE_TOKEN_REFUSED", { reason });
  }
  logger.info("agent enrolled", { agent: tried.value.agentName, worker: agentId, version });
  return { agentId, ...tried.value, credential };
}

/** For the operator, who may have to find out what happened to a token. */
const refusals = {
  unknown: "no such token was made here",
  used: "the token has let an agent in before; if that was not you, remove that agent",
  expired: "the token is too old",
  denied: "an operator has denied it",
} as const;

/** The agent that this token lets in. Throws `TROUPE_TOKEN_REFUSED` for what is no token. */
export function agentIdOf(token: string): string {
  return idOf(hashOf(checkedToken(token)));
}

function checkedToken(token: string): string {
  if (/^troupe_[\w-]{43}$/.test(token)) return token;
  throw new TroupeError("TROUPE_TOKEN_REFUSED", { reason: "malformed" });
}

async function authenticate(
  { system, logger }: EnrolmentServices,
  authorization: string | undefined,
): Promise<EnrolledIdentity> {
  const [, agentId, credential] =
    /^Bearer ([\w-]{1,64})\.([\w-]{43})$/.exec(authorization ?? "") ?? [];
  if (agentId === undefined || credential === undefined) {
    const reason = "the call carries no identity (authorization: Bearer <agent id>.<credential>)";
    throw new TroupeError("TROUPE_AGENT_REFUSED", { reason });
  }
  const tried = await system.actor(AgentIdentity, agentId).try.authenticate(hashOf(credential));
  if (!tried.ok) {
    logger.warn("an agent was refused", { worker: agentId, reason: tried.rejection.reason });
    throw refusalOf(agentId, tried.rejection, "its id or its credential is unknown here");
  }
  return { agentId, ...tried.value };
}

async function admit(
  { system, logger }: EnrolmentServices,
  agentId: string,
): Promise<EnrolledIdentity> {
  const tried = await system.actor(AgentIdentity, agentId).try.admit();
  if (tried.ok) return { agentId, ...tried.value };
  logger.warn("an agent was refused", { worker: agentId, reason: tried.rejection.reason });
  throw refusalOf(agentId, tried.rejection, "it has been forgotten here");
}

type Rejection =
  | { readonly reason: "unknown" }
  | { readonly reason: "denied"; readonly details: { readonly why: string } };

function refusalOf(agent: string, rejection: Rejection, unknown: string): TroupeError {
  return rejection.reason === "denied"
    ? new TroupeError("TROUPE_AGENT_DENIED", { agent, reason: rejection.details.why })
    : new TroupeError("TROUPE_AGENT_REFUSED", { reason: unknown });
}

function textProblem(texts: Readonly<Record<string, string>>): string | undefined {
  const max = limits.agentTextCharactersMax;
  const long = Object.entries(texts).find(([, text]) => text.length > max);
  return long && `expected ${long[0]} with at most ${max} characters, got ${long[1].length}`;
}

function newSecret(random: Random): string {
  return Buffer.from(random.bytes(secretBytes)).toString("base64url");
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret, "utf8").digest("hex");
}

function idOf(tokenHash: string): string {
  return `agent-${tokenHash.slice(0, idCharacters)}`;
}
