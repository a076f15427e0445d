/**
 * Carries out what `session-state.ts` decides: jobs start and die, messages go out, logs flow.
 * Boundary: what to do is decided there; how to reach the server is the connection's business.
 *
 *   R1. Inputs are taken one after another, each with all its effects, also those that arise within.
 *   R2. Jobs share the link fairly: one piece of log each in turn, and only while the stream takes it
 *       without piling up.
 *   R3. Whatever happens to the link, jobs go on.
 */
import type { AttemptRef, Capabilities, Welcome } from "../../proto/troupe/agent/v1/agent.ts";
import type { AgentError } from "./agent-error.ts";
import type { AgentLog } from "./agent-log.ts";
import { attemptKey, attemptText } from "./attempt.ts";
import type { AgentClock, AgentTimer } from "./clock.ts";
import type { Connection, ConnectionListener } from "./connection.ts";
import { durationText } from "./duration-text.ts";
import type { EndedAttempt } from "./ended-record.ts";
import type { Executor } from "./executor.ts";
import { Heartbeat } from "./heartbeat.ts";
import { HeldJob } from "./held-job.ts";
import { linkTerms } from "./link-terms.ts";
import type { LogLink } from "./log-outbox.ts";
import type { FromServer, ToServer } from "./session-messages.ts";
import { newSession, running, step } from "./session-state.ts";
import type { SessionEffect, SessionInput, SessionState } from "./session-step.ts";

/** How often an agent that would give up looks whether its jobs have ended. */
const lookAgainMs = 1_000;

/** The version of the messages and their meaning; a server that cannot serve it refuses. */
export const protocolVersion = 1;

export interface SessionOptions {
  readonly agentName: string;
  readonly version: string;
  readonly bootId: string;
  /** Higher than that of every earlier start on the same state folder. */
  readonly startNumber: number;
  readonly capabilities: Capabilities;
  readonly labels: Readonly<Record<string, string>>;
  readonly executor: Executor;
  readonly workFolder: string;
  /** Attempts that ended in an earlier start, and are not acknowledged. */
  readonly ended: readonly EndedAttempt[];
  readonly clock: AgentClock;
  readonly log: AgentLog;
  /** See `AgentOptions.giveUpAfterMs`; infinite = never. */
  readonly giveUpAfterMs: number;
  readonly connect: (listener: ConnectionListener) => Connection;
}

/** How the session ended, and what it could not tell the server any more. */
export interface SessionEnd {
  readonly cause: "drained" | "refused" | "gave-up";
  readonly reason: string;
}

export class Session implements ConnectionListener {
  /** Resolves when no job is held any more, or when the server refused the agent for good. */
  readonly over: Promise<SessionEnd>;
  /** Resolves with the first Welcome. */
  readonly welcomed: Promise<void>;
  readonly #options: SessionOptions;
  readonly #log: AgentLog;
  readonly #connection: Connection;
  readonly #heartbeat: Heartbeat;
  readonly #jobs = new Map<string, HeldJob>();
  readonly #inputs: SessionInput[] = [];
  #state: SessionState;
  #taking = false;
  #terms: LogLink | undefined;
  #helloAtMs = 0;
  #dials = 0;
  #leaseKillMs = 0;
  #giveUpTimer: AgentTimer | undefined;
  #pumping = false;
  #turn = 0;
  #removals: Promise<unknown> = Promise.resolve();
  #resolveOver: (end: SessionEnd) => void = () => {};
  #resolveWelcomed: () => void = () => {};

  /** Throws what `connect` throws. */
  constructor(options: SessionOptions) {
    this.#options = options;
    this.#log = options.log;
    const restored = options.ended.filter((ended) => this.#restore(ended));
    const results = restored.map(({ result }) => result);
    this.#state = newSession(options.capabilities.slots, results);
    this.over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
    this.welcomed = new Promise((resolve) => {
      this.#resolveWelcomed = resolve;
    });
    this.#connection = options.connect(this);
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      send: (sequence) => this.#beat(sequence),
      onDead: (reason) => this.#connection.cut(reason),
      onLeaseOver: () => this.#take({ type: "lease-over", killWithinMs: this.#leaseKillMs }),
      onLeaseRenewed: () => this.#take({ type: "lease-renewed" }),
    });
  }

  start(): void {
    this.#waitForServer(this.#options.giveUpAfterMs);
    this.#connection.start();
  }

  /** Attempts that run, or whose result is not acknowledged. */
  get heldCount(): number {
    return this.#state.attempts.size;
  }

  /** Resolves when every job that runs now has ended, its whole tree with it. */
  async jobsEnded(): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((job) => job.ended));
  }

  /** Take no more jobs; `over` follows when the present ones are done and acknowledged. */
  drain(reason: string): void {
    this.#take({ type: "drain", reason });
  }

  cancelAll(reason: string): void {
    this.#take({ type: "cancel-all", reason });
  }

  /** Ends the link for good. All jobs must have ended; results that are not acknowledged are left to the next start. */
  async close(): Promise<void> {
    this.#heartbeat.stop();
    this.#giveUpTimer?.cancel();
    this.#connection.close();
    const left = [...this.#jobs].map(([key, job]) => {
      return this.#state.attempts.get(key)?.status === "ended" ? job.leave() : job.forget();
    });
    this.#jobs.clear();
    await Promise.all([this.#removals, ...left]);
  }

  dialled(): void {
    this.#take({ type: "dialled" });
  }

  received(message: FromServer): void {
    this.#heartbeat.heard();
    this.#take({ type: "received", message });
  }

  writable(): void {
    this.#pump();
  }

  lost(): void {
    if (this.#terms !== undefined) this.#waitForServer(this.#options.giveUpAfterMs);
    this.#terms = undefined;
    this.#heartbeat.linkLost();
    this.#take({ type: "lost" });
    for (const job of this.#jobs.values()) job.setLink(undefined);
  }

  refused(error: AgentError): void {
    this.cancelAll("the server refused this agent");
    this.#resolveOver({ cause: "refused", reason: error.message });
  }

  #take(input: SessionInput): void {
    this.#inputs.push(input);
    if (this.#taking) return;
    this.#taking = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const { state, effects } = step(this.#state, next);
        this.#state = state;
        for (const effect of effects) this.#carryOut(effect);
      }
    } finally {
      this.#taking = false;
    }
  }

  #carryOut(effect: SessionEffect): void {
    switch (effect.type) {
      case "send":
        return this.#connection.send(effect.message);
      case "greet":
        return this.#greet(effect.holding);
      case "opened":
        return this.#opened(effect.welcome);
      case "start":
        return this.#start(effect);
      case "cancel":
        return this.#jobs.get(effect.key)?.cancel(effect.reason, effect.graceMs);
      case "acknowledge-log":
        return this.#acknowledgeLog(effect.key, effect.offset);
      case "beat-answered":
        return this.#heartbeat.answered(effect.sequence);
      case "forget":
        return this.#forget(effect.key);
      case "warn":
        return this.#log.warn(effect.message);
      case "cut":
        return this.#connection.cut(effect.reason);
      case "finish":
        return this.#resolveOver({ cause: effect.cause, reason: effect.reason });
    }
  }

  #greet(holding: readonly AttemptRef[]): void {
    const { agentName, version, bootId, startNumber, capabilities, labels, clock } = this.#options;
    this.#helloAtMs = clock.monotonicMs();
    const value = {
      protocolVersion,
      version,
      agentName,
      bootId,
      capabilities,
      labels: { ...labels },
      holding: [...holding],
      start: startNumber,
      dial: ++this.#dials,
    };
    this.#connection.send({ $case: "hello", value });
  }

  #opened(welcome: Welcome): void {
    this.#connection.opened();
    this.#giveUpTimer?.cancel();
    const { heartbeatMs, leaseMs, leaseKillMs, log } = linkTerms(welcome);
    this.#leaseKillMs = leaseKillMs;
    this.#heartbeat.linkOpened({ intervalMs: heartbeatMs, leaseMs, helloAtMs: this.#helloAtMs });
    this.#terms = log;
    this.#log.info(`connected as ${welcome.workerId} to server ${welcome.serverVersion}`);
    this.#resolveWelcomed();
    for (const job of this.#jobs.values()) job.setLink(this.#terms);
  }

  #start({ key, assignment }: Extract<SessionEffect, { type: "start" }>): void {
    const attempt = assignment.attempt as AttemptRef;
    const { executor, workFolder, clock } = this.#options;
    this.#log.info(`${attemptText(attempt)} begins`);
    const job = HeldJob.start({
      assignment,
      executor,
      workFolder,
      clock,
      link: this.#terms,
      onStarted: (startedAtMs) => this.#take({ type: "started", key, startedAtMs }),
      onEnded: (result) => {
        this.#log.info(`${attemptText(attempt)} ended: ${result.reason || "succeeded"}`);
        this.#take({ type: "ended", key, result });
      },
      onReady: () => this.#pump(),
      onWarning: (message) => this.#log.warn(`${attemptText(attempt)}: ${message}`),
    });
    this.#jobs.set(key, job);
  }

  /** False: its log is not all there, so it counts as lost. */
  #restore(ended: EndedAttempt): boolean {
    const { workFolder, clock } = this.#options;
    const { attempt } = ended.result;
    const onWarning = (message: string): void =>
      this.#log.warn(`${attemptText(attempt)}: ${message}`);
    try {
      const onReady = (): void => this.#pump();
      const job = HeldJob.restore(ended, { workFolder, clock, onReady, onWarning });
      this.#jobs.set(attemptKey(attempt), job);
      this.#log.info(`${attemptText(attempt)} ended in an earlier start: its result is sent now`);
      return true;
    } catch (error) {
      onWarning(`it ended in an earlier start, and is lost: ${(error as Error).message}`);
      return false;
    }
  }

  #acknowledgeLog(key: string, offset: number): void {
    if (this.#jobs.get(key)?.acknowledgeLog(offset) !== false) return;
    this.#log.warn(
      `ignored an acknowledgement of ${offset} log bytes of ${key}: they do not exist`,
    );
  }

  #forget(key: string): void {
    const job = this.#jobs.get(key);
    this.#jobs.delete(key);
    this.#removals = Promise.all([this.#removals, job?.forget()]);
  }

  /** Sends log pieces round robin while the stream takes them, then tells of logs that are out (R2). */
  #pump(): void {
    if (this.#pumping || this.#terms === undefined) return;
    this.#pumping = true;
    try {
      while (this.#sendRound()) {
        // Another round, until nobody has anything or the stream is full.
      }
    } finally {
      this.#pumping = false;
    }
    for (const [key, job] of this.#jobs) {
      if (job.isLogSent) this.#take({ type: "log-sent", key });
    }
  }

  #sendRound(): boolean {
    const keys = [...this.#jobs.keys()];
    let sent = false;
    for (let count = 0; count < keys.length; count++) {
      if (!this.#connection.writable) return false;
      // The next round goes on where the stream stopped this one.
      this.#turn = (this.#turn + 1) % keys.length;
      sent = this.#sendChunk(keys[this.#turn] as string) || sent;
    }
    return sent;
  }

  #sendChunk(key: string): boolean {
    const attempt = this.#state.attempts.get(key);
    if (attempt === undefined || attempt.status === "dropped") return false;
    const chunk = this.#jobs.get(key)?.nextChunk();
    if (chunk === undefined) return false;
    const { offset, data, times } = chunk;
    const value = { attempt: attempt.ref, offset, data, times: [...times] };
    this.#connection.send({ $case: "log", value });
    return true;
  }

  /** Running jobs are waited for: they may still find a server in the end. */
  #waitForServer(delayMs: number): void {
    const { giveUpAfterMs, clock } = this.#options;
    if (giveUpAfterMs === Number.POSITIVE_INFINITY) return;
    this.#giveUpTimer = clock.setTimer(delayMs, () => {
      if (running(this.#state).length > 0) return this.#waitForServer(lookAgainMs);
      const reason = `there was no server for ${durationText(giveUpAfterMs)}`;
      this.#resolveOver({ cause: "gave-up", reason });
    });
  }

  #beat(sequence: number): void {
    let logBytesKept = 0;
    for (const job of this.#jobs.values()) logBytesKept += job.logBytesKept;
    const message: ToServer = {
      $case: "heartbeat",
      value: { sequence, running: running(this.#state), logBytesKept },
    };
    this.#connection.send(message);
  }
}
