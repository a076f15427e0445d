/**
 * The authority's own history: one entity per system, in the journal like all that must not be lost,
 * so that every server of a system has the same one. It holds keys only as `sealed-key.ts` makes them.
 */

import { limits } from "../../actors/kernel/index.ts";
import { definePersistentActor } from "../../actors/persistence/index.ts";
import { type AuthorityRecord, withNewest } from "./authority-roles.ts";

interface AuthorityState {
  /** Newest first. */
  readonly authorities: readonly AuthorityRecord[];
}

export interface BeginAuthority {
  readonly record: AuthorityRecord;
  /** How long the older ones stay trusted. */
  readonly overlapMs: number;
  /** The newest one that the caller knows, empty for none: of two that begin at once, one is told so. */
  readonly after: string;
}

interface Begun {
  readonly record: AuthorityRecord;
  readonly overlapMs: number;
}

/** The entity of a system's certificate authority; there is one, `agents`. */
export const CertificateAuthority = definePersistentActor("certificate-authority", {
  initialState: (): AuthorityState => ({ authorities: [] }),
})
  .events({
    begun: (state, { record, overlapMs }: Begun) => ({
      authorities: withNewest(state.authorities, record, overlapMs),
    }),
  })
  .commands({
    list: (authority) => authority.state.authorities,

    /** A new authority, that takes over from the present one. */
    begin: (authority, { record, overlapMs, after }: BeginAuthority) => {
      const { authorities } = authority.state;
      if ((authorities[0]?.authorityId ?? "") !== after) return authority.reject("overtaken");
      const next = withNewest(authorities, record, overlapMs);
      if (next.length > limits.authoritiesTrustedMax) return authority.reject("crowded");
      authority.persist("begun", { record, overlapMs });
      return next;
    },
  });
