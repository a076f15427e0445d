/**
 * What happened to identities, for good: who was let in, who was refused and why, who tried to act for
 * another. One entity; the newest entries are in its state, the totals per kind count all there ever were.
 */
import { limits } from "../actors/kernel/index.ts";
import { definePersistentActor } from "../actors/persistence/index.ts";

export type AuditKind =
  | "token-created"
  | "agent-enrolled"
  | "enrolment-refused"
  | "enrolment-throttled"
  | "identity-refused"
  | "attempt-refused"
  | "agent-displaced"
  | "agent-denied"
  | "agent-allowed"
  | "authority-rotated";

export interface AuditEntry {
  readonly atMs: number;
  readonly kind: AuditKind;
  /** The agent's id as far as it is proven, or that it claimed; empty = none. */
  readonly agentId: string;
  /** Where the connection came from; empty = from this machine's control socket. */
  readonly address: string;
  /** One clause for a person. */
  readonly what: string;
  /** How many of the kind, of that agent, this entry stands for. */
  readonly count: number;
}

interface AuditState {
  /** Oldest first. */
  readonly entries: readonly AuditEntry[];
  readonly totals: Readonly<Record<string, number>>;
}

/** The entity of a system's audit trail; there is one, `identity`. */
export const AuditTrail = definePersistentActor("audit-trail", {
  initialState: (): AuditState => ({ entries: [], totals: {} }),
})
  .events({
    recorded: ({ entries, totals }, { added }: { added: readonly AuditEntry[] }) => ({
      entries: [...entries, ...added].slice(-limits.auditEntriesMax),
      totals: added.reduce<Record<string, number>>(
        (sums, { kind, count }) => ({ ...sums, [kind]: (sums[kind] ?? 0) + count }),
        { ...totals },
      ),
    }),
  })
  .commands({
    record: (trail, added: readonly AuditEntry[]) => trail.persist("recorded", { added }),
    read: (trail) => trail.state,
  });
