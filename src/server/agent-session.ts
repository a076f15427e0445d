/**
 * One agent's stream, from its hello to its end: takes what the agent says to its worker and to the
 * log store, and what the worker orders to the agent. It decides nothing about jobs.
 *
 *   greeting ──hello──▶ open ──▶ ended        (greeting may end too: refused, too late, gone)
 *
 *  G1. The first message is a hello, within `helloTimeoutMs`; the first answer is Welcome or Refused.
 *  G2. Orders go out only after Welcome (`link.open()`).
 *  G3. Only attempts that the agent was given here, or came back with, are listened to. A result of
 *      any other is refused, its log bytes are dropped; both are counted.
 *  G4. However the stream ends, the link is closed exactly once, with the cause.
 *  G5. What an agent sends can end its own session, nothing else.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type {
  AttemptRef,
  ConnectRequest,
  ConnectResponse,
  Hello,
  LogChunk,
  Refused,
} from "../../proto/troupe/agent/v1/agent.ts";
import { type Clock, type Logger, limits, reasonOf } from "../actors/kernel/index.ts";
import type { LogStore } from "../actors/logs/index.ts";
import {
  type AgentHello,
  type AgentLink,
  type AgentSession,
  type AttemptKey,
  attemptId,
  type CancelOrder,
  type PreparedAttempt,
  type Workers,
} from "../actors/workers/index.ts";
import { assignmentOf, helloOf, type KnownAgent, protocolVersion } from "./agent-messages.ts";
import type { AgentMeter, ForgedMessage } from "./agent-meter.ts";
import { HeldAttempts } from "./held-attempts.ts";
import { SessionWriter } from "./session-writer.ts";

export type AgentCall = ServerDuplexStream<ConnectRequest, ConnectResponse>;

/** What the server tells each agent in its welcome. */
export interface SessionTerms {
  readonly serverVersion: string;
  readonly leaseMs: number;
  /** After `leaseMs`, until a silent agent's attempts are given to others. */
  readonly leaseGraceMs: number;
  readonly heartbeatIntervalMs: number;
  readonly logFlushMs: number;
}

export interface SessionServices {
  readonly workers: Workers;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly terms: SessionTerms;
  readonly meter: AgentMeter;
  /** Told when the hello is good, before the worker is: the place to end an older session. False: a newer one is open. */
  readonly greeted: (session: AgentStreamSession, hello: AgentHello) => boolean;
  /** Told of each thing that the agent says of an attempt that is not its own. */
  readonly stray: (what: string) => void;
}

/** Why a session ended, as it goes to the agent. */
interface End {
  readonly code: status;
  readonly cause: string;
}

/** Breaks out of the reading loop; the agent sees its status and text. */
class SessionEnd extends Error {
  readonly code: status;

  constructor(code: status, cause: string) {
    super(cause);
    this.code = code;
  }
}

export class AgentStreamSession implements AgentSession {
  readonly workerId: string;
  readonly #call: AgentCall;
  readonly #known: KnownAgent;
  readonly #services: SessionServices;
  readonly #writer: SessionWriter;
  readonly #logger: Logger;
  #attempts: HeldAttempts | undefined;
  #link: AgentLink | undefined;
  #end: End | undefined;
  #strayMessages = 0;
  #logBytesKept = 0;

  constructor(
    call: AgentCall,
    agent: { workerId: string } & KnownAgent,
    services: SessionServices,
  ) {
    this.workerId = agent.workerId;
    this.#call = call;
    this.#known = agent;
    this.#services = services;
    this.#writer = new SessionWriter(call);
    this.#logger = services.logger.child({ agent: agent.agentName, worker: agent.workerId });
  }

  /** Messages about attempts that this agent does not hold. */
  get strayMessages(): number {
    return this.#strayMessages;
  }

  /** Log bytes that the agent keeps until they are acknowledged, as it said last. */
  get logBytesKept(): number {
    return this.#logBytesKept;
  }

  /** The agent was welcomed, and its stream is open. */
  get isOpen(): boolean {
    return this.#link !== undefined && this.#end === undefined;
  }

  /** Serves the stream to its end. Never rejects. */
  async serve(): Promise<void> {
    const late = this.#services.clock.setTimer(limits.helloTimeoutMs, () =>
      this.#finish(status.DEADLINE_EXCEEDED, `no hello came within ${limits.helloTimeoutMs} ms`),
    );
    try {
      // Leaving the loop must not destroy the stream: the status is still to be sent.
      for await (const message of this.#call.iterator({ destroyOnReturn: false })) {
        late.cancel();
        if (isUnreadable(message)) {
          throw new SessionEnd(
            status.INVALID_ARGUMENT,
            `a message cannot be read: ${message.problem}`,
          );
        }
        await this.#receive(message as ConnectRequest);
        await this.#writer.writable();
        if (this.#end !== undefined) break;
      }
      this.#finish(status.OK, "the agent's stream ended");
    } catch (error) {
      const code = error instanceof SessionEnd ? error.code : status.UNAVAILABLE;
      this.#finish(code, error instanceof SessionEnd ? error.message : streamCause(error));
    } finally {
      late.cancel();
    }
  }

  assign(prepared: PreparedAttempt): void {
    if (this.#end !== undefined) return;
    this.#attempts?.assign(prepared.attempt);
    this.#services.meter.assigned();
    this.#writer.write({ $case: "assignment", value: assignmentOf(prepared) });
  }

  cancel(attempt: AttemptKey, { reason, graceMs }: CancelOrder): void {
    this.#writer.write({ $case: "cancel", value: { attempt: { ...attempt }, reason, graceMs } });
  }

  drain(reason: string): void {
    this.#writer.write({ $case: "drain", value: { reason } });
  }

  close(reason: string): void {
    this.#finish(status.UNAVAILABLE, reason);
  }

  /** Another process has connected as this agent: this one is told to stop for good. */
  displace(): void {
    const reason = "another process has connected with this agent's identity";
    this.#refuse({ code: "displaced", reason, permanent: true });
  }

  /** An operator denied this agent: it is told to stop for good. */
  expel(reason: string): void {
    this.#refuse({ code: "denied", reason: `an operator denied it: ${reason}`, permanent: true });
  }

  async #receive({ message }: ConnectRequest): Promise<void> {
    if (this.#end !== undefined) return;
    const [link, attempts] = [this.#link, this.#attempts];
    if (link === undefined || attempts === undefined) {
      if (message?.$case === "hello") return this.#greet(message.value);
      return this.#refuse({
        code: "hello-expected",
        reason: `the first message must be a hello, but ${message?.$case ?? "an unknown one"} came`,
        permanent: true,
      });
    }
    link.heartbeat();
    switch (message?.$case) {
      case "hello":
        throw new SessionEnd(status.FAILED_PRECONDITION, "a second hello on one stream");
      case "heartbeat":
        this.#logBytesKept = message.value.logBytesKept ?? 0;
        return this.#writer.write({
          $case: "heartbeatAck",
          value: { sequence: message.value.sequence },
        });
      case "accepted": {
        const attempt = attempts.held("accepted", message.value.attempt);
        return attempt && link.accepted(attempt);
      }
      case "started": {
        const attempt = attempts.held("started", message.value.attempt);
        const { startedAtMs } = message.value;
        return attempt && this.#inBackground("started", link.started(attempt, startedAtMs));
      }
      case "log":
        return attempts.log(checkedChunk(message.value));
      case "result":
        return attempts.result(message.value);
      case "draining":
        return this.#inBackground("draining", link.draining(message.value.reason));
      case undefined:
        // A newer agent may say what this version does not know; silence is the agreed answer.
        this.#logger.debug("a message of an unknown kind was ignored");
    }
  }

  async #greet(hello: Hello): Promise<void> {
    const { workers, terms } = this.#services;
    if (hello.protocolVersion !== protocolVersion) {
      const reason =
        `the agent speaks protocol ${hello.protocolVersion}, this server (${terms.serverVersion}) ` +
        `speaks ${protocolVersion}; install the same version on both sides`;
      return this.#refuse({ code: "protocol-version", reason, permanent: true });
    }
    const read = helloOf(hello, this.#known);
    if ("problem" in read) {
      return this.#refuse({ code: "hello-invalid", reason: read.problem, permanent: true });
    }
    if (!this.#services.greeted(this, read.hello)) {
      const reason = "a newer stream of this agent is open; this one was held up on its way";
      return this.#refuse({ code: "late", reason, permanent: false });
    }
    let link: AgentLink;
    try {
      link = await workers.connect(this.workerId, read.hello, this);
    } catch (error) {
      return this.#refuse({ code: "refused", reason: reasonOf(error), permanent: false });
    }
    if (this.#end !== undefined) return link.closed(this.#end.cause);
    this.#link = link;
    const attempts = this.#attemptsOf(link);
    this.#attempts = attempts;
    this.#welcome(link);
    this.#services.meter.connected(read.hello.dial > 1);
    for (const attempt of link.disowned) this.#countStray("hello", { ...attempt });
    const disowned = new Set(link.disowned.map(attemptId));
    for (const attempt of read.hello.holding) {
      if (!disowned.has(attemptId(attempt))) await attempts.resume(attempt);
      if (this.#end !== undefined) return;
    }
    link.open();
    const { slots, holding } = read.hello;
    this.#logger.info("agent connected", { slots, holding: holding.length });
  }

  #welcome(link: AgentLink): void {
    const { terms } = this.#services;
    this.#writer.write({
      $case: "welcome",
      value: {
        workerId: link.workerId,
        heartbeatIntervalMs: terms.heartbeatIntervalMs,
        leaseMs: terms.leaseMs,
        leaseGraceMs: terms.leaseGraceMs,
        logFlushMs: terms.logFlushMs,
        logWindowBytes: limits.logWindowBytes,
        disowned: link.disowned.map((attempt) => ({ ...attempt })),
        serverVersion: terms.serverVersion,
      },
    });
  }

  #attemptsOf(link: AgentLink): HeldAttempts {
    const { logs, clock, meter } = this.#services;
    const failed = (error: unknown): void =>
      this.#finish(status.UNAVAILABLE, `the log could not be stored: ${reasonOf(error)}`);
    return new HeldAttempts(
      { logs, clock, meter, link, writer: this.#writer, logger: this.#logger, failed },
      (what, attempt) => this.#countStray(what, attempt),
    );
  }

  /** The link's own errors are about one report; the agent repeats what matters. */
  #inBackground(what: string, report: Promise<void>): void {
    report.catch((error: unknown) =>
      this.#logger.warn("a report could not be delivered", { what, error }),
    );
  }

  #countStray(what: ForgedMessage, attempt: AttemptRef | undefined): void {
    this.#strayMessages += 1;
    this.#services.meter.forged(what);
    this.#logger.debug("an attempt that this agent does not hold", { what, attempt });
    const { runId = "", job = "", attempt: number = 0 } = attempt ?? {};
    const named = `${runId.slice(0, 80)}/${job.slice(0, 80)}#${number}`;
    this.#services.stray(`sent "${what}" of ${named}, an attempt that it does not hold`);
  }

  #refuse(refused: Refused): void {
    if (this.#end !== undefined) return;
    this.#services.meter.helloRefused(refused.code);
    this.#writer.write({ $case: "refused", value: refused });
    this.#finish(status.OK, refused.reason);
  }

  #finish(code: status, cause: string): void {
    if (this.#end !== undefined) return;
    this.#end = { code, cause };
    this.#writer.end();
    this.#attempts?.close();
    if (code === status.OK) this.#call.end();
    else this.#call.emit("error", { code, details: cause });
    this.#link?.closed(cause);
    const stray = this.#strayMessages;
    this.#logger.info("agent session ended", { cause, ...(stray > 0 ? { stray } : {}) });
  }
}

/** What comes out is small enough to be stored. */
function checkedChunk(chunk: LogChunk): LogChunk {
  if (chunk.data.byteLength <= limits.logChunkBytesMax) return chunk;
  const got = `a log chunk of ${chunk.data.byteLength} bytes`;
  throw new SessionEnd(
    status.INVALID_ARGUMENT,
    `expected log chunks up to ${limits.logChunkBytesMax} bytes, got ${got}`,
  );
}

/** Stands for a message whose bytes do not follow the protocol. */
export interface UnreadableMessage {
  readonly problem: string;
}

function isUnreadable(message: ConnectRequest | UnreadableMessage): message is UnreadableMessage {
  return "problem" in message;
}

/** What a broken stream says of itself, in words for an operator. */
function streamCause(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ERR_STREAM_PREMATURE_CLOSE" ? "the connection was lost" : reasonOf(error);
}
