/** The persistent actors that a server adds to those of its jobs: who may connect. */
import type { AnyPersistentActorDefinition } from "../actors/persistence/index.ts";
import { AgentIdentity } from "./agent-identity.ts";
import { AuditTrail } from "./audit-trail.ts";
import { CertificateAuthority } from "./authority/certificate-authority.ts";

export const identityDefinitions: readonly AnyPersistentActorDefinition[] = [
  AgentIdentity,
  CertificateAuthority,
  AuditTrail,
];
