/**
 * Who may come in, and as whom. With TLS an agent is the one that its certificate names, and nothing it
 * says counts beside that; on loopback without TLS it shows a credential. Every refusal is counted and
 * goes into the audit trail.
 *
 *  D1. On a TLS listener no credential is taken, made or asked for.
 *  D2. A token is tried only while its sender's address has not guessed too often.
 *  D3. A request for a certificate is read before the token is used up by it.
 */
import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import type {
  EnrollRequest,
  EnrollResponse,
  RenewRequest,
  RenewResponse,
} from "../../proto/troupe/agent/v1/agent.ts";
import {
  type Clock,
  isTroupeError,
  limits,
  reasonOf,
  TroupeError,
} from "../actors/kernel/index.ts";
import type { AgentMeter } from "./agent-meter.ts";
import type { Audit } from "./audit.ts";
import type { CertificateProblem } from "./authority/agent-certificate.ts";
import type { Authority } from "./authority/authority.ts";
import { type KeyRequest, readRequest } from "./authority/certificate-maker.ts";
import { agentIdOf, type EnrolledIdentity, type Enrolment } from "./enrolment.ts";
import { addressOf, GuessThrottle } from "./guess-throttle.ts";

/** What of a gRPC call says who calls. */
export interface Caller {
  readonly metadata: Metadata;
  getPeer(): string;
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw: Uint8Array } | undefined };
}

export interface AdmissionOptions {
  readonly enrolment: Enrolment;
  /** undefined: the listener is on loopback, without TLS. */
  readonly authority: Authority | undefined;
  readonly audit: Pick<Audit, "record">;
  readonly clock: Clock;
  readonly meter: AgentMeter;
}

export interface Admitted extends EnrolledIdentity {
  /** When its certificate ends, by the wall clock; undefined: it has none. */
  readonly expiresAtMs?: number;
}

export interface AdmissionCounters {
  readonly enrolled: number;
  readonly enrolmentsRefused: number;
  readonly enrolmentsThrottled: number;
  readonly certificatesRenewed: number;
  readonly identitiesRefused: number;
}

export class AgentAdmission {
  readonly #options: AdmissionOptions;
  readonly #throttle: GuessThrottle;
  readonly #counters: { -readonly [C in keyof AdmissionCounters]: number } = {
    enrolled: 0,
    enrolmentsRefused: 0,
    enrolmentsThrottled: 0,
    certificatesRenewed: 0,
    identitiesRefused: 0,
  };

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#throttle = new GuessThrottle(options.clock);
  }

  counters(): AdmissionCounters {
    return { ...this.#counters };
  }

  /** Trades a token for an identity. */
  async enrol(
    request: EnrollRequest,
    caller: Pick<Caller, "getPeer">,
  ): Promise<{ readonly response: EnrollResponse; readonly identity: EnrolledIdentity }> {
    const address = addressOf(caller.getPeer());
    try {
      this.#checkThrottle(address);
      const { token, agentName, labels, version, csrPem } = request;
      const key = await this.#keyOf(csrPem);
      const asked = { token, agentName, labels, version };
      const { enrolment, authority } = this.#options;
      const enrolled = await enrolment.enrol(
        key === undefined ? asked : { ...asked, keyHash: key.keyHash },
      );
      const { agentId, credential } = enrolled;
      const certified = key === undefined ? undefined : await authority?.certify(agentId, key);
      const { certificatePem = "", caPem = "", validForMs = 0 } = certified ?? {};
      this.#counters.enrolled += 1;
      this.#options.meter.enrolment("enrolled");
      const what = `as "${enrolled.agentName}"`;
      this.#options.audit.record({ kind: "agent-enrolled", agentId, address, what });
      const response = { agentId, credential, certificatePem, caPem, validForMs };
      return { response, identity: enrolled };
    } catch (error) {
      this.#enrolmentRefused(request.token, address, error);
      throw error;
    }
  }

  /** A new certificate for whom the present one names. */
  async renew(call: ServerUnaryCall<RenewRequest, RenewResponse>): Promise<RenewResponse> {
    const { authority } = this.#options;
    return this.#identified(call, async () => {
      if (authority === undefined) throw noCertificates();
      const { agentId } = await this.#certified(call, authority, limits.certificateRenewGraceMs);
      const key = await readRequest(call.request.csrPem);
      if ("problem" in key) throw invalid("renew", key.problem);
      const certified = await authority.certify(agentId, key);
      this.#counters.certificatesRenewed += 1;
      this.#options.meter.certificateRenewed();
      return certified;
    });
  }

  /** Throws `TROUPE_AGENT_REFUSED`, `TROUPE_AGENT_DENIED`, `TROUPE_CERTIFICATE_EXPIRED`. */
  identify(caller: Caller): Promise<Admitted> {
    const { authority, enrolment } = this.#options;
    return this.#identified(caller, async () => {
      if (authority !== undefined) return this.#certified(caller, authority, 0);
      const [authorization] = caller.metadata.get("authorization");
      return enrolment.authenticate(authorization?.toString());
    });
  }

  async #certified(caller: Caller, authority: Authority, graceMs: number): Promise<Admitted> {
    // Whoever brings a second identity means to be taken for somebody else.
    if (caller.metadata.get("authorization").length > 0) {
      throw refused("it shows a credential where only certificates count");
    }
    const raw = caller.getAuthContext().sslPeerCertificate?.raw;
    if (raw === undefined) throw refused("it shows no certificate");
    const verdict = authority.judge(raw, graceMs);
    if ("problem" in verdict) throw problemOf(verdict.problem, verdict.agentId ?? "");
    const { agentId, expiresAtMs } = verdict;
    return { ...(await this.#options.enrolment.admit(agentId)), expiresAtMs };
  }

  async #identified<Result>(caller: Caller, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      this.#counters.identitiesRefused += 1;
      this.#options.meter.identityRefused(codeOf(error));
      this.#options.audit.record({
        kind: "identity-refused",
        agentId: provenBy(error),
        address: addressOf(caller.getPeer()),
        what: `${reasonOf(error)}${claimOf(caller)}`,
      });
      throw error;
    }
  }

  async #keyOf(csrPem: string): Promise<KeyRequest | undefined> {
    if (this.#options.authority === undefined) return undefined;
    const key = await readRequest(csrPem);
    if ("problem" in key) throw invalid("enroll", key.problem);
    return key;
  }

  #checkThrottle(address: string): void {
    const retryAfterMs = this.#throttle.waitMs(address);
    if (retryAfterMs <= 0) return;
    throw new TroupeError("TROUPE_ENROLMENT_THROTTLED", { address, retryAfterMs });
  }

  #enrolmentRefused(token: string, address: string, error: unknown): void {
    const { audit, meter } = this.#options;
    const what = reasonOf(error);
    if (isTroupeError(error, "TROUPE_ENROLMENT_THROTTLED")) {
      this.#counters.enrolmentsThrottled += 1;
      meter.enrolment("throttled");
      return audit.record({ kind: "enrolment-throttled", address, what });
    }
    this.#counters.enrolmentsRefused += 1;
    meter.enrolment("refused");
    if (isTroupeError(error, "TROUPE_TOKEN_REFUSED")) this.#throttle.failed(address);
    audit.record({ kind: "enrolment-refused", agentId: invitedBy(token, error), address, what });
  }
}

/** Whom a token was made for, where it is one of ours: a guessed one names nobody. */
function invitedBy(token: string, error: unknown): string {
  if (!isTroupeError(error, "TROUPE_TOKEN_REFUSED")) return "";
  const { reason } = error.details;
  return reason === "unknown" || reason === "malformed" ? "" : agentIdOf(token);
}

/** Whom the error names, where that is proven: by a certificate or a credential that was right. */
function provenBy(error: unknown): string {
  if (isTroupeError(error, "TROUPE_AGENT_DENIED")) return error.details.agent;
  if (isTroupeError(error, "TROUPE_CERTIFICATE_EXPIRED")) return error.details.agent;
  return "";
}

function codeOf(error: unknown): string {
  return error instanceof TroupeError ? error.code : "unforeseen";
}

/** Who it says it is, for a person to read. */
function claimOf({ metadata }: Caller): string {
  const [authorization] = metadata.get("authorization");
  const claimed = /^Bearer ([\w-]{1,64})\./.exec(authorization?.toString() ?? "")?.[1];
  return claimed === undefined ? "" : `; it claims to be ${claimed}`;
}

function problemOf(problem: CertificateProblem, agent: string): TroupeError {
  switch (problem) {
    case "expired":
      return new TroupeError("TROUPE_CERTIFICATE_EXPIRED", { agent });
    case "early":
      return refused("its certificate is not valid yet: are the clocks of the servers right?");
    case "foreign":
      return refused("its certificate was not signed by an authority that this server trusts");
    case "purpose":
      return refused("its certificate is not that of an agent of this system");
  }
}

function refused(reason: string): TroupeError {
  return new TroupeError("TROUPE_AGENT_REFUSED", { reason });
}

function noCertificates(): TroupeError {
  return refused("this server listens without TLS, and renews no certificates");
}

function invalid(request: string, problem: string): TroupeError {
  return new TroupeError("TROUPE_REQUEST_INVALID", { request, problem });
}
