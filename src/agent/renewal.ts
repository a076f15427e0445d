/**
 * Keeps the agent's certificate young: at about two thirds of its life, with jitter so that a thousand
 * agents that enrolled together do not come together, it is traded for a new one over a new key. What
 * fails is tried again, oftener towards the end; nothing else waits for it meanwhile.
 */

import { newKeyDraft } from "./certificate-request.ts";
import type { AgentClock, AgentTimer } from "./clock.ts";
import { type CertificateIdentity, certificateIdentity } from "./identity.ts";
import { agentLimits } from "./limits.ts";
import type { Dialer } from "./link.ts";

export interface RenewalOptions {
  readonly dialer: Pick<Dialer, "renew">;
  readonly clock: AgentClock;
  readonly random: () => number;
  readonly onRenewed: (identity: CertificateIdentity) => void;
  readonly onFailed: (error: Error) => void;
}

export class Renewal {
  readonly #options: RenewalOptions;
  #timer: AgentTimer | undefined;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** From now on this is the certificate that is renewed in time. */
  watch(identity: CertificateIdentity): void {
    const { clock, random } = this.#options;
    this.#arm(identity, renewAtMs(identity, random()) - clock.nowMs());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** A new certificate at once, also after the end of this one. Rejects as `Dialer.renew` does. */
  async renew(identity: CertificateIdentity): Promise<CertificateIdentity> {
    const { dialer, clock } = this.#options;
    const { privateKeyPem, csrPem } = newKeyDraft();
    const answer = await dialer.renew(identity, csrPem);
    return certificateIdentity(identity.agentId, answer, { privateKeyPem, nowMs: clock.nowMs() });
  }

  #arm(identity: CertificateIdentity, delayMs: number): void {
    this.stop();
    const timer = this.#options.clock.setTimer(Math.max(0, delayMs), () => {
      this.renew(identity).then(
        (renewed) => {
          // Stopped, or another one is watched by now.
          if (this.#timer === timer) this.#options.onRenewed(renewed);
        },
        (error: unknown) => {
          if (this.#timer !== timer) return;
          this.#options.onFailed(error as Error);
          this.#arm(identity, this.#retryDelayMs(identity));
        },
      );
    });
    this.#timer = timer;
  }

  #retryDelayMs({ expiresAtMs }: CertificateIdentity): number {
    const { clock, random } = this.#options;
    const leftMs = Math.max(0, expiresAtMs - clock.nowMs());
    const delayMs = Math.min(agentLimits.renewRetryMsMax, leftMs / 8) * (0.5 + random() / 2);
    return Math.max(agentLimits.renewRetryMsMin, delayMs);
  }
}

/** Between 60 and 67 % of its life. `random` is uniform in [0, 1). */
export function renewAtMs(
  { receivedAtMs, expiresAtMs }: Pick<CertificateIdentity, "receivedAtMs" | "expiresAtMs">,
  random: number,
): number {
  return receivedAtMs + ((expiresAtMs - receivedAtMs) * 2 * (1 - random / 10)) / 3;
}
