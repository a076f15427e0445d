/**
 * Which authority does what, and when. Pure.
 *
 * A change of authority must not break a connection, nor strand an agent that is away:
 *
 *   rotation        half of the overlap            whole overlap
 *      │  new one signs agents' certificates from here on, and is in every answer
 *      │  servers still show the old one's  │  servers show the new one's
 *      │  both are trusted                  │  both are trusted        │  the old one is forgotten
 *
 * Agents renew within the first half and learn the new authority before a server shows it.
 */
import type { SealedKey } from "./sealed-key.ts";

export interface AuthorityRecord {
  /** SHA-256 of its public key (SubjectPublicKeyInfo), base64url: what tokens are pinned to. */
  readonly authorityId: string;
  readonly certificatePem: string;
  readonly sealedKey: SealedKey;
  readonly createdAtMs: number;
  /** From then on it signs the servers' certificates. */
  readonly servesFromMs: number;
  /** Certificates that it has signed count until then. */
  readonly trustedUntilMs: number;
}

export interface AuthorityRoles {
  /** Signs the certificates of agents. */
  readonly issuer: AuthorityRecord;
  /** Signs the certificates of servers; new tokens are pinned to it. */
  readonly server: AuthorityRecord;
  /** Newest first. */
  readonly trusted: readonly AuthorityRecord[];
}

/** `records`: newest first. undefined = there is no authority yet, or none is trusted any more. */
export function rolesAt(
  records: readonly AuthorityRecord[],
  nowMs: number,
): AuthorityRoles | undefined {
  const trusted = records.filter(({ trustedUntilMs }) => nowMs < trustedUntilMs);
  const [issuer] = trusted;
  if (issuer === undefined) return undefined;
  const server = trusted.find(({ servesFromMs }) => servesFromMs <= nowMs) ?? issuer;
  return { issuer, server, trusted };
}

/** The list after a new authority has begun: the older ones end with the overlap, those that have ended are dropped. */
export function withNewest(
  records: readonly AuthorityRecord[],
  newest: AuthorityRecord,
  overlapMs: number,
): readonly AuthorityRecord[] {
  const nowMs = newest.createdAtMs;
  const older = records
    .map((record) => ({
      ...record,
      trustedUntilMs: Math.min(record.trustedUntilMs, nowMs + overlapMs),
    }))
    .filter(({ trustedUntilMs }) => nowMs < trustedUntilMs);
  // Where nothing older is left, there is nothing to wait for.
  const servesFromMs = older.length === 0 ? nowMs : newest.servesFromMs;
  return [{ ...newest, servesFromMs }, ...older];
}

/** When something changes next by the passing of time alone; infinite = never. */
export function nextChangeMs(records: readonly AuthorityRecord[], nowMs: number): number {
  const times = records.flatMap(({ servesFromMs, trustedUntilMs }) => [
    servesFromMs,
    trustedUntilMs,
  ]);
  return Math.min(...times.filter((atMs) => atMs > nowMs));
}
