/**
 * How an agent gets in: a person (or the agent supply) makes a one-time token, the agent trades it
 * for an id and a credential, and shows those with every connection. Tokens and credentials are
 * 32 random bytes; the server keeps their hashes only.
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
  /** Shown once, stored nowhere. */
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
}

export interface EnrolledIdentity {
  readonly agentId: string;
  readonly agentName: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Enrolment {
  /** Throws `TROUPE_REQUEST_INVALID` for a time or labels out of bounds. */
  createToken(options?: TokenOptions): Promise<IssuedToken>;
  /** Throws `TROUPE_TOKEN_REFUSED`; `TROUPE_REQUEST_INVALID` for labels or names out of bounds. */
  enrol(request: EnrolRequest): Promise<EnrolledIdentity & { readonly credential: string }>;
  /** Reads `Bearer <agent id>.<credential>`. Throws `TROUPE_AGENT_REFUSED`. */
  authenticate(authorization: string | undefined): Promise<EnrolledIdentity>;
  /** The agent is gone for good: its credential is worth nothing any more. No error if it is unknown. */
  forget(agentId: string): Promise<void>;
}

export interface EnrolmentServices {
  readonly system: Pick<System, "actor">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export function createEnrolment(services: EnrolmentServices): Enrolment {
  return {
    createToken: (options = {}) => createToken(services, options),
    enrol: (request) => enrol(services, request),
    authenticate: (authorization) => authenticate(services, authorization),
    forget: (agentId) => services.system.actor(AgentIdentity, agentId).forget(),
  };
}

async function createToken(
  { system, clock, random }: EnrolmentServices,
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
  return { token, agentId, expiresAtMs };
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
  if (!/^troupe_[\w-]{43}$/.test(request.token)) {
    throw new TroupeError("TROUPE_TOKEN_REFUSED", { reason: "malformed" });
  }
  const tokenHash = hashOf(request.token);
  const agentId = idOf(tokenHash);
  const credential = newSecret(random);
  const { agentName, labels, version } = request;
  const tried = await system.actor(AgentIdentity, agentId).try.enrol({
    tokenHash,
    credentialHash: hashOf(credential),
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
} as const;

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
    logger.warn("an unknown agent was refused", { worker: agentId });
    const reason = "its id or its credential is unknown here";
    throw new TroupeError("TROUPE_AGENT_REFUSED", { reason });
  }
  return { agentId, ...tried.value };
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
