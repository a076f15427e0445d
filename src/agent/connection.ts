/**
 * Keeps one session with the server open: enrols once, dials, waits for Welcome, dials again.
 * Boundary: what the messages mean is the session's business; it is told of every link and its end.
 *
 *   C1. At most one dial or link at a time.
 *   C2. The one-time token is forgotten as soon as an identity was accepted by the server.
 *   C3. After a good link the first dial is immediate; then full jitter below a doubling ceiling.
 *   C4. It gives up only on a refusal that time does not change, and says what the operator can do.
 */
import type { EnrollRequest } from "../../proto/troupe/agent/v1/agent.ts";
import { AgentError, exitCodes } from "./agent-error.ts";
import type { AgentLog } from "./agent-log.ts";
import type { TokenSource } from "./agent-options.ts";
import { redialDelayMs } from "./backoff.ts";
import type { AgentClock, AgentTimer } from "./clock.ts";
import { durationText } from "./duration-text.ts";
import type { Identity, IdentityFile } from "./identity.ts";
import { agentLimits } from "./limits.ts";
import { type Dialer, EnrolRefusedError, type Link, type LinkLoss } from "./link.ts";
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
  readonly enrolment: Omit<EnrollRequest, "token">;
  readonly clock: AgentClock;
  readonly random: () => number;
  readonly log: AgentLog;
  readonly listener: ConnectionListener;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  #token: TokenSource | undefined;
  #identity: Identity | undefined;
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
  }

  start(): void {
    void this.#dial();
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
    this.#timer?.cancel();
    this.#link?.finish();
    this.#link = undefined;
    this.#token = undefined;
  }

  async #dial(): Promise<void> {
    try {
      this.#identity ??= await this.#enrol();
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof AgentError) return this.#listener.refused(error);
      return this.#redialLater(`cannot enrol: ${(error as Error).message}`);
    }
    if (this.#closed) return;
    this.#link = this.#options.dialer.connect(this.#identity, {
      onMessage: (message) => this.#listener.received(message),
      onWritable: () => this.#listener.writable(),
      onLost: (loss) => this.#lost(loss.reason, loss.refusal),
    });
    const silence = `no Welcome within ${durationText(agentLimits.welcomeMs)}`;
    this.#timer = this.#options.clock.setTimer(agentLimits.welcomeMs, () => this.cut(silence));
    this.#listener.dialled();
  }

  async #enrol(): Promise<Identity> {
    const { dialer, enrolment, identityFile, log } = this.#options;
    const token = await this.#token?.();
    if (token === undefined) throw unknownHere("and there is no token");
    try {
      const { agentId, credential } = await dialer.enrol({ ...enrolment, token });
      this.#token = undefined;
      log.info(`enrolled as ${agentId}`);
      const identity = { agentId, credential };
      this.#keep(identityFile, identity);
      return identity;
    } catch (error) {
      if (!(error instanceof EnrolRefusedError)) throw error;
      throw new AgentError(
        `the server does not take this token: ${error.message}. A token works once and not for long: make a new one with troupe token create`,
        exitCodes.refused,
      );
    }
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
      if (this.#token !== undefined) {
        this.#identity = undefined;
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
