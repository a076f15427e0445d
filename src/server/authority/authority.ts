/**
 * The built-in certificate authority of a system, at work: certifies agents, makes the server's own
 * certificate, judges what peers show, and begins anew before its own end.
 *
 *  C1. A key of the authority is in memory only, and cannot be read out of there; at rest it is sealed.
 *  C2. Whom a certificate is for is decided here, never by the request.
 *  C3. What is trusted and who signs follows from the journal and the time alone (`authority-roles.ts`).
 */
import type { webcrypto } from "node:crypto";
import {
  type Clock,
  type Logger,
  limits,
  type Random,
  type Timer,
  TroupeError,
} from "../../actors/kernel/index.ts";
import type { System } from "../../actors/system/index.ts";
import { agentUri, type CertificateVerdict, judgeCertificate } from "./agent-certificate.ts";
import {
  type AuthorityRecord,
  type AuthorityRoles,
  nextChangeMs,
  rolesAt,
} from "./authority-roles.ts";
import { CertificateAuthority } from "./certificate-authority.ts";
import {
  type KeyRequest,
  makeAuthority,
  type Signer,
  signClient,
  signingKey,
  signServer,
} from "./certificate-maker.ts";
import { openKey, sealKey } from "./sealed-key.ts";

export interface AuthorityOptions {
  readonly system: Pick<System, "actor">;
  /** Names the system in certificates. */
  readonly systemId: string;
  /** Opens and seals its keys; `source` says to a person where it comes from. */
  readonly secret: string;
  readonly source: string;
  readonly certificateTtlMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What an agent gets when it enrols, and when it renews. */
export interface AgentCredentials {
  readonly certificatePem: string;
  /** All authorities whose servers the agent may trust. */
  readonly caPem: string;
  readonly validForMs: number;
}

export interface ServerCertificate {
  /** The certificate, and the authority's behind it: an agent that has only a fingerprint finds it there. */
  readonly chainPem: string;
  readonly keyPem: string;
  readonly renewAtMs: number;
}

/** How often it looks at the time at least: a timer of weeks does not survive a sleeping machine. */
const lookEveryMs = 3_600_000;

export class Authority {
  readonly #options: AuthorityOptions;
  readonly #keys = new Map<string, webcrypto.CryptoKey>();
  readonly #listeners = new Set<() => Promise<void>>();
  #records: readonly AuthorityRecord[] = [];
  #timer: Timer | undefined;
  #closed = false;

  private constructor(options: AuthorityOptions) {
    this.#options = options;
  }

  /** Makes the first authority where there is none. Throws `TROUPE_AUTHORITY_LOCKED` for a wrong secret. */
  static async open(options: AuthorityOptions): Promise<Authority> {
    const authority = new Authority(options);
    authority.#records = await authority.#entity().list();
    await authority.#renewIfDue();
    // A wrong secret shows now, not with the first agent.
    await authority.#signer(authority.#roles().issuer);
    await authority.#signer(authority.#roles().server);
    authority.#watchTime();
    return authority;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#keys.clear();
  }

  /** Told when another authority signs, or is trusted; a rotation waits for it. Returns the way to stop listening. */
  onChange(listener: () => Promise<void>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** All that are trusted now, newest first. */
  list(): readonly AuthorityRecord[] {
    return this.#roles().trusted;
  }

  /** What a new token is pinned to: the fingerprint of whoever signed this server's certificate. */
  fingerprint(): string {
    return this.#roles().server.authorityId;
  }

  /** PEM of all that are trusted. */
  bundlePem(): string {
    return this.list()
      .map(({ certificatePem }) => `${certificatePem.trim()}\n`)
      .join("");
  }

  async certify(agentId: string, request: KeyRequest): Promise<AgentCredentials> {
    const { systemId, certificateTtlMs } = this.#options;
    const { issuer } = this.#roles();
    const { validity, validForMs } = this.#validity(issuer, certificateTtlMs);
    const certificatePem = await signClient(await this.#signer(issuer), {
      publicKey: request.publicKey,
      uri: agentUri(systemId, agentId),
      name: agentId,
      validity,
    });
    return { certificatePem, caPem: this.bundlePem(), validForMs };
  }

  /** Whose certificate is this (DER)? `graceMs`: for how long after its end it still counts. */
  judge(raw: Uint8Array, graceMs = 0): CertificateVerdict {
    const { systemId, clock } = this.#options;
    return judgeCertificate(raw, {
      authorities: this.list().map(({ certificatePem }) => certificatePem),
      systemId,
      nowMs: clock.nowMs(),
      skewMs: limits.clockSkewMs,
      graceMs,
    });
  }

  /** A new key and certificate for a server that is reached by `hosts`. */
  async serverCertificate(hosts: readonly string[]): Promise<ServerCertificate> {
    const { server } = this.#roles();
    const { validity, validForMs } = this.#validity(server, limits.serverCertificateTtlMs);
    const signer = await this.#signer(server);
    const made = await signServer(signer, { hosts, name: "troupe server", validity });
    return {
      chainPem: `${made.certificatePem.trim()}\n${server.certificatePem.trim()}\n`,
      keyPem: made.keyPem,
      renewAtMs: this.#options.clock.nowMs() + Math.floor((validForMs * 2) / 3),
    };
  }

  /**
   * A new authority takes over within `overlapMs`. Zero: the older ones count no more from now on, and
   * every agent has to enrol again. Throws `TROUPE_AUTHORITY_BUSY`.
   */
  async rotate(overlapMs: number = limits.authorityOverlapMs): Promise<void> {
    const after = this.#records[0]?.authorityId ?? "";
    const record = await this.#newAuthority(overlapMs);
    const begun = await this.#entity().try.begin({ record, overlapMs, after });
    if (!begun.ok) {
      const problem =
        begun.rejection.reason === "crowded"
          ? `${limits.authoritiesTrustedMax} are trusted already, and none of them has ended`
          : "another one has just begun";
      throw new TroupeError("TROUPE_AUTHORITY_BUSY", { problem });
    }
    this.#records = begun.value;
    this.#options.logger.info("a new certificate authority begins", {
      authority: record.authorityId,
      overlapMs,
    });
    await this.#changed();
  }

  async #newAuthority(overlapMs: number): Promise<AuthorityRecord> {
    const { systemId, secret, random, clock } = this.#options;
    const nowMs = clock.nowMs();
    const notAfterMs = nowMs + limits.authorityTtlMs;
    const notBeforeMs = nowMs - limits.certificateBackdateMs;
    // Every one has a name of its own: a certificate names its issuer, and must find the right one.
    const name = `troupe ${systemId.slice(0, 8)} authority ${new Date(nowMs).toISOString()} ${random.uuid().slice(0, 8)}`;
    const made = await makeAuthority(name, { notBeforeMs, notAfterMs });
    const { authorityId, certificatePem, keyBytes } = made;
    const sealedKey = await sealKey(keyBytes, { secret, label: authorityId, random });
    keyBytes.fill(0);
    return {
      authorityId,
      certificatePem,
      sealedKey,
      createdAtMs: nowMs,
      servesFromMs: nowMs + Math.floor(overlapMs / 2),
      trustedUntilMs: notAfterMs,
    };
  }

  /** No certificate outlives the authority that signed it. */
  #validity(authority: AuthorityRecord, ttlMs: number) {
    const nowMs = this.#options.clock.nowMs();
    const notAfterMs = Math.min(nowMs + ttlMs, authority.trustedUntilMs);
    const notBeforeMs = nowMs - limits.certificateBackdateMs;
    return { validity: { notBeforeMs, notAfterMs }, validForMs: notAfterMs - nowMs };
  }

  async #signer({ authorityId, certificatePem, sealedKey }: AuthorityRecord): Promise<Signer> {
    const known = this.#keys.get(authorityId);
    if (known !== undefined) return { certificatePem, key: known };
    const { secret, source } = this.#options;
    const bytes = await openKey(sealedKey, { secret, label: authorityId });
    if (bytes === undefined) {
      throw new TroupeError("TROUPE_AUTHORITY_LOCKED", { authority: authorityId, source });
    }
    const key = await signingKey(bytes);
    bytes.fill(0);
    this.#keys.set(authorityId, key);
    return { certificatePem, key };
  }

  #roles(): AuthorityRoles {
    const roles = rolesAt(this.#records, this.#options.clock.nowMs());
    if (roles !== undefined) return roles;
    throw new TroupeError("TROUPE_AUTHORITY_BUSY", { problem: "there is none that is valid" });
  }

  #entity() {
    return this.#options.system.actor(CertificateAuthority, "agents");
  }

  async #renewIfDue(): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const newest = rolesAt(this.#records, nowMs)?.issuer;
    if (newest !== undefined && nowMs < newest.trustedUntilMs - limits.authorityRenewBeforeMs)
      return;
    await this.rotate();
  }

  async #changed(): Promise<void> {
    this.#watchTime();
    await Promise.all([...this.#listeners].map((listener) => listener()));
  }

  #watchTime(): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const { clock, logger } = this.#options;
    const nowMs = clock.nowMs();
    const inMs = Math.min(lookEveryMs, nextChangeMs(this.#records, nowMs) - nowMs);
    this.#timer = clock.setTimer(inMs, () => {
      this.#renewIfDue()
        .catch((error: unknown) => logger.error("no new certificate authority", { error }))
        .then(() => this.#changed())
        .catch((error: unknown) => logger.error("a change of authority failed", { error }));
    });
  }
}
