/** What people ask about identities: tokens, the deny list, the audit trail, the certificate authority. */
import type {
  AllowAgentRequest,
  AllowAgentResponse,
  AuthorityView,
  CreateTokenRequest,
  CreateTokenResponse,
  DenyAgentRequest,
  DenyAgentResponse,
  GetServerResponse,
  ListAuditRequest,
  ListAuditResponse,
  RotateAuthorityRequest,
} from "../../proto/troupe/control/v1/control.ts";
import { limits, TroupeError } from "../actors/kernel/index.ts";
import type { AgentService } from "./agent-service.ts";
import type { Audit } from "./audit.ts";
import type { Authority } from "./authority/authority.ts";
import type { Enrolment } from "./enrolment.ts";

export interface IdentityServices {
  readonly enrolment: Enrolment;
  readonly audit: Audit;
  /** undefined: the agent port has no TLS. */
  readonly authority: Authority | undefined;
  readonly agents: Pick<AgentService, "expel">;
  readonly server: GetServerResponse;
}

const auditListed = 50;

export async function createToken(
  { enrolment, server, audit }: IdentityServices,
  { ttlMs, labels }: CreateTokenRequest,
): Promise<CreateTokenResponse> {
  const { token, agentId, expiresAtMs } = await enrolment.createToken({ ttlMs, labels });
  const what = `good until ${new Date(expiresAtMs).toISOString()}`;
  audit.record({ kind: "token-created", agentId, what });
  return { token, expiresAtMs, agentAddress: server.agentAddress };
}

/** First the refusal is durable, then the session ends: who dials again meanwhile is refused. */
export async function denyAgent(
  { enrolment, agents, audit }: IdentityServices,
  { agentId, reason }: DenyAgentRequest,
): Promise<DenyAgentResponse> {
  const why = (reason || "no reason given").slice(0, limits.auditTextCharactersMax);
  await enrolment.deny(agentId, why);
  audit.record({ kind: "agent-denied", agentId, what: why });
  return { sessionsEnded: agents.expel(agentId, why) };
}

export async function allowAgent(
  { enrolment, audit }: IdentityServices,
  { agentId }: AllowAgentRequest,
): Promise<AllowAgentResponse> {
  await enrolment.allow(agentId);
  audit.record({ kind: "agent-allowed", agentId, what: "let in again" });
  return {};
}

export async function listAudit(
  { audit }: IdentityServices,
  { limit }: ListAuditRequest,
): Promise<ListAuditResponse> {
  const { entries, totals } = await audit.read();
  const newest = entries.slice(-(limit || auditListed)).reverse();
  return { entries: newest.map((entry) => ({ ...entry })), totals: { ...totals } };
}

export async function listAuthorities(
  services: IdentityServices,
): Promise<{ authorities: AuthorityView[] }> {
  return { authorities: authorityViews(authorityOf(services, "listAuthorities")) };
}

export async function rotateAuthority(
  services: IdentityServices,
  { overlapMs }: RotateAuthorityRequest,
): Promise<{ authorities: AuthorityView[] }> {
  const authority = authorityOf(services, "rotateAuthority");
  const overlap = overlapMs ?? limits.authorityOverlapMs;
  await authority.rotate(overlap);
  const what = `the older ones are trusted for another ${overlap} ms`;
  services.audit.record({ kind: "authority-rotated", what });
  return { authorities: authorityViews(authority) };
}

function authorityOf({ authority, server }: IdentityServices, request: string): Authority {
  if (authority !== undefined) return authority;
  throw new TroupeError("TROUPE_TLS_OFF", { request, listen: server.agentAddress });
}

function authorityViews(authority: Authority): AuthorityView[] {
  const serves = authority.fingerprint();
  return authority
    .list()
    .map(({ authorityId, certificatePem, createdAtMs, trustedUntilMs }, index) => ({
      authorityId,
      certificatePem,
      createdAtMs,
      trustedUntilMs,
      signsAgents: index === 0,
      signsServers: authorityId === serves,
    }));
}
