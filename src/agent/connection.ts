/**
 * Keeps one session with the server open: enrols once, dials, waits for Welcome, dials again; with a new
 * certificate it moves over to a new link.
 * Boundary: what the messages mean is the session's business; it is told of every link and its end.
 *
 *   C1. At most one dial or link at a time; only to move over, the next is made while the present one works.
 *   C2. The one-time token is forgotten as soon as an identity was accepted by the server.
 *   C3. After a good link the first dial is immediate; then full jitter below a doubling ceiling.
 *   C4. It gives up only on a refusal that time does not change, and says what the operator can do.
 *   C5. A certificate that has ended, or that the server takes to have ended, is renewed before it is given up.
 */
import type { EnrollRequest } from "../../proto/troupe/agent/v1/agent.ts";
import { AgentError, exitCodes } from "./agent-error.ts";
import type { AgentLog } from "./agent-log.ts";
import type { TokenSource } from "./agent-options.ts";
import { redialDelayMs } from "./backoff.ts";
import { type KeyDraft, newKeyDraft } from "./certificate-request.ts";
import type { AgentClock, AgentTimer } from "./clock.ts";
import { durationText } from "./duration-text.ts";
import {
  certificateIdentity,
  hasCertificate,
  type Identity,
  type IdentityFile,
} from "./identity.ts";
import { agentLimits } from "./limits.ts";
import { type Dialer, EnrolRefusedError, type Link, type LinkLoss } from "./link.ts";
import { Renewal } from "./renewal.ts";
import type { FromServer, ToServer } from "./session-messages.ts";

export interface ConnectionListener {
  /** A stream is there: say Hello. */
  dialled(): void;
  received(message: FromServer): void;
  /** More can be sent without waiting in memory. */
  writable(): void;
  lost(): void;
  /** C4: the agent has to stop. */
  refused(error: AgentError): void;
}

export interface ConnectionOptions {
  readonly dialer: Dialer;
  readonly identityFile: IdentityFile;
  /** Who the agent is, if it has enrolled before. */
  readonly identity: Identity | undefined;
  /** undefined: there is none. */
  readonly token: TokenSource | undefined;
  readonly enrolment: Omit<EnrollRequest, "token" | "csrPem">;
  readonly clock: AgentClock;
  readonly random: () => number;
  readonly log: AgentLog;
  readonly listener: ConnectionListener;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #renewal: Renewal;
  #token: TokenSource | undefined;
  #identity: Identity | undefined;
  /** One key for all tries to enrol: whose answer was lost, the server knows again by it. */
  #draft: KeyDraft | undefined;
  /** The server says that the certificate has ended, whatever this machine's clock says (C5). */
  #outdated = false;
  #link: Link | undefined;
  #timer: AgentTimer | undefined;
  #openedAtMs: number | undefined;
  #everOpened = false;
  #failures = 0;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#listener = options.listener;
    this.#token = options.token;
    this.#identity = options.identity;
    const { dialer, clock, random, log } = options;
    this.#renewal = new Renewal({
      dialer,
      clock,
      random,
      onRenewed: (identity) => {
        this.#adopt(identity);
        void this.#moveOver(identity);
      },
      onFailed: ({ message }) => log.warn(`the certificate could not be renewed yet: ${message}`),
    });
  }

  start(): void {
    if (this.#identity !== undefined && hasCertificate(this.#identity)) {
      this.#renewal.watch(this.#identity);
    }
    void this.#dial();
  }

  /** Who the agent is by now; undefined = nobody yet. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  get writable(): boolean {
    return this.#link?.writable ?? false;
  }

  send(message: ToServer): void {
    this.#link?.send(message);
  }

  /** The session was welcomed. */
  opened(): void {
    this.#timer?.cancel();
    this.#openedAtMs = this.#options.clock.monotonicMs();
    this.#everOpened = true;
    this.#token = undefined;
    this.#outdated = false;
  }

  /** Ends the present link, if any, and dials again. */
  cut(reason: string): void {
    if (this.#link === undefined) return;
    this.#link.cut();
    this.#lost(reason);
  }

  /** No more links. */
  close(): void {
    this.#closed = true;
    this.#renewal.stop();
    this.#timer?.cancel();
    this.#link?.finish();
    this.#link = undefined;
    this.#token = undefined;
  }

  async #dial(): Promise<void> {
    try {
      this.#identity ??= await this.#enrol();
      await this.#renewIfEnded();
      if (this.#closed) return;
      this.#begin(this.#open(this.#identity));
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof AgentError) return this.#listener.refused(error);
      return this.#redialLater((error as Error).message);
    }
  }

  #open(identity: Identity): Link {
    const isPresent = (): boolean => this.#link === link;
    const link = this.#options.dialer.connect(identity, {
      onMessage: (message) => {
        if (isPresent()) this.#listener.received(message);
      },
      onWritable: () => {
        if (isPresent()) this.#listener.writable();
      },
      onLost: (loss) => {
        if (isPresent()) this.#lost(loss.reason, loss.refusal);
      },
    });
    return link;
  }

  #begin(link: Link): void {
    this.#link = link;
    const silence = `no Welcome within ${durationText(agentLimits.welcomeMs)}`;
    this.#timer = this.#options.clock.setTimer(agentLimits.welcomeMs, () => this.cut(silence));
    this.#listener.dialled();
  }

  /** The present link goes on until the next one is there; without one it goes on to its end. */
  async #moveOver(identity: Identity): Promise<void> {
    const present = this.#link;
    if (present === undefined || this.#openedAtMs === undefined) return;
    const next = this.#open(identity);
    try {
      await next.ready();
    } catch {
      return next.cut();
    }
    if (this.#closed || this.#link !== present) return next.cut();
    this.#timer?.cancel();
    present.finish();
    this.#link = undefined;
    this.#listener.lost();
    this.#begin(next);
  }

  async #enrol(): Promise<Identity> {
    const { dialer, enrolment, log, clock } = this.#options;
    const token = await this.#token?.();
    if (token === undefined) throw unknownHere("and there is no token");
    this.#draft ??= newKeyDraft();
    const { csrPem, privateKeyPem } = this.#draft;
    try {
      const answer = await dialer.enrol({ ...enrolment, token, csrPem });
      const { agentId, credential, certificatePem } = answer;
      const identity =
        certificatePem === ""
          ? { agentId, credential }
          : certificateIdentity(agentId, answer, { privateKeyPem, nowMs: clock.nowMs() });
      this.#token = undefined;
      this.#draft = undefined;
      log.info(`enrolled as ${agentId}`);
      this.#adopt(identity);
      return identity;
    } catch (error) {
      if (error instanceof AgentError) throw error;
      if (!(error instanceof EnrolRefusedError)) {
        throw new Error(`cannot enrol: ${(error as Error).message}`, { cause: error });
      }
      throw new AgentError(
        `the server does not take this token: ${error.message}. A token works once and not for long: make a new one with troupe token create`,
        exitCodes.refused,
      );
    }
  }

  /** C5. Throws what makes the agent stop, or try again later. */
  async #renewIfEnded(): Promise<void> {
    const identity = this.#identity;
    if (identity === undefined || !hasCertificate(identity)) return;
    const { expiresAtMs } = identity;
    if (!this.#outdated && this.#options.clock.nowMs() < expiresAtMs) return;
    this.#renewal.stop();
    try {
      this.#adopt(await this.#renewal.renew(identity));
      this.#outdated = false;
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof EnrolRefusedError)) {
        throw new Error(`cannot renew the certificate: ${message}`, { cause: error });
      }
      if (this.#token !== undefined) {
        this.#identity = await this.#enrol();
        return;
      }
      if (this.#outdated) throw unknownHere(message);
      const ended = new Date(expiresAtMs).toISOString();
      throw unknownHere(`its certificate ended at ${ended} and is not renewed (${message})`);
    }
  }

  /** From now on the agent is this one. */
  #adopt(identity: Identity): void {
    this.#identity = identity;
    this.#keep(this.#options.identityFile, identity);
    if (hasCertificate(identity)) this.#renewal.watch(identity);
  }

  /** The token is used up by now: without the file this process goes on, only its next start cannot. */
  #keep(file: IdentityFile, identity: Identity): void {
    try {
      file.write(identity);
    } catch (error) {
      const { message } = error as Error;
      this.#options.log.error(
        `cannot write ${file.path}: ${message}. After a restart this agent will need a new token`,
      );
    }
  }

  #lost(reason: string, refusal?: LinkLoss["refusal"]): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#link = undefined;
    this.#listener.lost();
    const error = this.#fatal(reason, refusal);
    if (error !== undefined) return this.#listener.refused(error);
    this.#redialLater(reason);
  }

  /** What ends the agent for good (C4), after it used what it has left. */
  #fatal(reason: string, refusal: LinkLoss["refusal"]): AgentError | undefined {
    if (refusal === undefined) return undefined;
    if (refusal === "identity") {
      // It may only be too old, by the server's clock: once it is tried to get another.
      if (this.#identity !== undefined && hasCertificate(this.#identity) && !this.#outdated) {
        this.#outdated = true;
        return undefined;
      }
      if (this.#token !== undefined) {
        this.#identity = undefined;
        this.#outdated = false;
        return undefined;
      }
      return unknownHere(reason);
    }
    // Once welcomed, these come from something between here and the server, and pass.
    if (this.#everOpened) return undefined;
    return new AgentError(
      `the server does not accept this agent: ${reason}. Is ${this.#options.enrolment.agentName} dialling the right address?`,
      exitCodes.refused,
    );
  }

  #redialLater(reason: string): void {
    const { clock, random, log } = this.#options;
    const openMs = this.#openedAtMs === undefined ? 0 : clock.monotonicMs() - this.#openedAtMs;
    this.#failures = openMs >= agentLimits.redialStableMs ? 0 : this.#failures + 1;
    this.#openedAtMs = undefined;
    const delayMs = redialDelayMs(this.#failures, random);
    log.warn(`${reason}; dialling again in ${delayMs} ms`);
    this.#timer = clock.setTimer(delayMs, () => void this.#dial());
  }
}

function unknownHere(reason: string): AgentError {
  return new AgentError(
    `the server does not know this agent: ${reason}. Start it once with a new token (on the server: troupe token create)`,
    exitCodes.refused,
  );
}
