/**
 * An agent's identity, from the one-time token that invites it to its end. One entity per token; its
 * id is made from the token's hash and becomes the agent's id, so that using the token up and taking
 * the agent in are one commit: no crash can leave the one without the other.
 *
 *   unknown ──invite──▶ invited ──enrol──▶ enrolled ──forget──▶ unknown
 *                          └──a day after it has expired──────────▶┘
 *
 *  N1. No secret is stored, only SHA-256 hashes; they are compared in constant time.
 *  N2. A token is used up by the first success and by nothing else. Only who comes again with the key
 *      that was certified gets the same answer again: its first one may have been lost on the way.
 *  N3. Denied, at any time, means: no enrolment, no session, no renewal, until it is allowed again.
 */
import { timingSafeEqual } from "node:crypto";
import { definePersistentActor } from "../actors/persistence/index.ts";

/** What the operator fixed when the token was made; the agent cannot change it. */
export interface Binding {
  readonly labels: Readonly<Record<string, string>>;
  /** Empty = the agent names itself. */
  readonly agentName: string;
}

interface Invitation extends Binding {
  /** SHA-256 of the token, hex. */
  readonly tokenHash: string;
  readonly expiresAtMs: number;
}

interface Enrolled {
  readonly agentName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  /** SHA-256 of the credential, hex; empty for an agent that has a certificate. */
  readonly credentialHash: string;
  /** SHA-256 of the public key that was certified first, hex; empty for an agent that has a credential. */
  readonly keyHash: string;
}

const dayMs = 86_400_000;

interface IdentityState extends Invitation, Enrolled {
  readonly status: "unknown" | "invited" | "enrolled";
  /** Why an operator shut it out; empty = he did not. */
  readonly deniedFor: string;
}

const nobody: IdentityState = {
  status: "unknown",
  tokenHash: "",
  expiresAtMs: 0,
  labels: {},
  agentName: "",
  version: "",
  credentialHash: "",
  keyHash: "",
  deniedFor: "",
};

export interface EnrolInput {
  readonly tokenHash: string;
  readonly credentialHash: string;
  readonly keyHash: string;
  readonly agentName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
}

/** The entity of an agent's identity; its id is the agent's id. */
export const AgentIdentity = definePersistentActor("agent-identity", {
  initialState: () => nobody,
})
  .events({
    invited: (state, invitation: Invitation) => ({ ...state, ...invitation, status: "invited" }),
    enrolled: (state, enrolled: Enrolled) => ({ ...state, ...enrolled, status: "enrolled" }),
    denied: (state, { reason }: { reason: string }) => ({ ...state, deniedFor: reason }),
    allowed: (state) => ({ ...state, deniedFor: "" }),
  })
  .timers<{ forgotten: undefined }>({
    forgotten: (identity) => identity.delete(),
  })
  .commands({
    /** Makes the token valid. */
    invite: (identity, invitation: Invitation) => {
      if (identity.state.status !== "unknown") return identity.reject("taken");
      // Until then whoever comes too late is told so.
      identity.timers.start("forgotten", { atMs: invitation.expiresAtMs + dayMs });
      return identity.persist("invited", invitation);
    },

    /** Trades the token for an identity. */
    enrol: (identity, input: EnrolInput) => {
      const { state, now } = identity;
      if (!sameHash(state.tokenHash, input.tokenHash)) return identity.reject("unknown");
      if (isDenied(state)) return identity.reject("denied");
      const expired = now.getTime() >= state.expiresAtMs;
      if (state.status === "enrolled") {
        const again = !expired && sameHash(state.keyHash, input.keyHash);
        return again
          ? { agentName: state.agentName, labels: state.labels }
          : identity.reject("used");
      }
      if (expired) return identity.reject("expired");
      const agentName = state.agentName === "" ? input.agentName : state.agentName;
      const labels = { ...input.labels, ...state.labels };
      const { version, credentialHash, keyHash } = input;
      identity.timers.cancel("forgotten");
      identity.persist("enrolled", { agentName, labels, version, credentialHash, keyHash });
      return { agentName, labels };
    },

    /** Who is this? Only for the one that holds the credential. */
    authenticate: (identity, credentialHash: string) => {
      const { state } = identity;
      if (state.status !== "enrolled" || !sameHash(state.credentialHash, credentialHash)) {
        return identity.reject("unknown");
      }
      if (isDenied(state)) return identity.reject("denied", { why: state.deniedFor });
      return { agentName: state.agentName, labels: state.labels };
    },

    /** May it in, whose certificate has been verified? */
    admit: (identity) => {
      const { state } = identity;
      if (state.status !== "enrolled" || state.keyHash === "") return identity.reject("unknown");
      if (isDenied(state)) return identity.reject("denied", { why: state.deniedFor });
      return { agentName: state.agentName, labels: state.labels };
    },

    /** Shuts it out. */
    deny: (identity, reason: string) => {
      if (identity.state.status === "unknown") return identity.reject("unknown");
      return identity.persist("denied", { reason });
    },

    allow: (identity) => {
      if (identity.state.status === "unknown") return identity.reject("unknown");
      return identity.persist("allowed");
    },

    /** The agent is gone for good; its credential is worth nothing any more. */
    forget: (identity) => {
      if (identity.state.status !== "unknown") identity.delete();
    },
  });

function isDenied({ deniedFor }: IdentityState): boolean {
  return deniedFor !== "";
}

function sameHash(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected, "hex"), Buffer.from(given, "hex")];
  return a.byteLength === b.byteLength && a.byteLength > 0 && timingSafeEqual(a, b);
}
