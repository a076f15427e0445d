/**
 * The gRPC service for agents: enrolment, and one session per agent. A newer stream of an agent
 * takes over from the older one; if it comes from another process, the older process is told to
 * stop, so that two machines that share an identity do not push each other out for ever.
 */
import { type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import {
  AgentServiceService,
  type ConnectRequest,
  type EnrollRequest,
  type EnrollResponse,
  type RenewRequest,
  type RenewResponse,
} from "../../proto/troupe/agent/v1/agent.ts";
import { type Clock, type Logger, limits, reasonOf } from "../actors/kernel/index.ts";
import type { LogStore } from "../actors/logs/index.ts";
import type { AgentHello, Workers } from "../actors/workers/index.ts";
import { type AdmissionCounters, AgentAdmission, type Caller } from "./agent-admission.ts";
import { type AgentMeter, noMeter } from "./agent-meter.ts";
import {
  type AgentCall,
  AgentStreamSession,
  type SessionTerms,
  type UnreadableMessage,
} from "./agent-session.ts";
import type { Audit } from "./audit.ts";
import type { Authority } from "./authority/authority.ts";
import type { Enrolment } from "./enrolment.ts";
import { serviceErrorOf } from "./grpc-errors.ts";
import { requestFromBytes } from "./request-from-bytes.ts";

export interface AgentServiceOptions {
  readonly enrolment: Enrolment;
  /** undefined: the listener has no TLS. */
  readonly authority?: Authority | undefined;
  readonly audit: Pick<Audit, "record">;
  readonly workers: Workers;
  readonly logs: LogStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly terms: SessionTerms;
  /** Default: nothing is counted but what `counters` gives. */
  readonly meter?: AgentMeter;
}

/** What happened since the server started. */
export interface AgentServiceCounters extends AdmissionCounters {
  readonly sessions: number;
  readonly displaced: number;
  /** Messages about attempts that their agent does not hold. */
  readonly strayMessages: number;
  /** Transfers for attempts that are not their agent's, or of files that are not the attempt's. */
  readonly transfersRefused: number;
}

type OwnCounters = Omit<AgentServiceCounters, keyof AdmissionCounters>;

interface OpenSession {
  readonly session: AgentStreamSession;
  readonly hello: AgentHello;
}

/**
 * The generated definition, but for one thing: bytes that are no message become a value that the
 * session can name, where the library would cut the stream without a word to us.
 */
export const agentServiceDefinition = {
  ...AgentServiceService,
  connect: {
    ...AgentServiceService.connect,
    requestDeserialize: (bytes: Buffer): ConnectRequest | UnreadableMessage => {
      try {
        return requestFromBytes(bytes);
      } catch (error) {
        return { problem: reasonOf(error) };
      }
    },
  },
} as const;

export class AgentService {
  readonly #options: AgentServiceOptions;
  readonly #sessions = new Map<string, OpenSession>();
  readonly #open = new Set<AgentStreamSession>();
  readonly #serving = new Set<Promise<void>>();
  readonly #admission: AgentAdmission;
  readonly #meter: AgentMeter;
  readonly #counters: { -readonly [C in keyof OwnCounters]: number } = {
    sessions: 0,
    displaced: 0,
    strayMessages: 0,
    transfersRefused: 0,
  };
  #closed: string | undefined;

  constructor(options: AgentServiceOptions) {
    this.#options = options;
    const { enrolment, authority, audit, clock, meter = noMeter } = options;
    this.#meter = meter;
    this.#admission = new AgentAdmission({ enrolment, authority, audit, clock, meter });
  }

  /** The handlers, for `server.addService(agentServiceDefinition, …)`. */
  handlers() {
    return {
      enroll: (
        call: ServerUnaryCall<EnrollRequest, EnrollResponse>,
        answer: sendUnaryData<EnrollResponse>,
      ): void => {
        this.#enroll(call).then(
          (response) => answer(null, response),
          (error: unknown) => answer(enrolError(error)),
        );
      },
      renew: (
        call: ServerUnaryCall<RenewRequest, RenewResponse>,
        answer: sendUnaryData<RenewResponse>,
      ): void => {
        this.#admission.renew(call).then(
          (response) => answer(null, response),
          (error: unknown) => answer(enrolError(error)),
        );
      },
      connect: (call: AgentCall): void => {
        const served = this.#connect(call).finally(() => this.#serving.delete(served));
        this.#serving.add(served);
      },
    };
  }

  /** Who calls. Rejects with `TROUPE_AGENT_REFUSED`. */
  identify(caller: Caller): Promise<{ readonly agentId: string }> {
    return this.#admission.identify(caller);
  }

  /** A transfer named an attempt or a file that is not this agent's. */
  transferRefused(): void {
    this.#counters.transfersRefused += 1;
    this.#meter.forged("transfer");
  }

  counters(): AgentServiceCounters {
    return { ...this.#admission.counters(), ...this.#counters };
  }

  /** Agents that were welcomed and whose stream is open. */
  get connected(): number {
    return [...this.#sessions.values()].filter(({ session }) => session.isOpen).length;
  }

  /** Log bytes that connected agents keep until they are acknowledged. */
  get logBytesKept(): number {
    let bytes = 0;
    for (const { session } of this.#sessions.values()) bytes += session.logBytesKept;
    return bytes;
  }

  /** Ends every session of this agent for good. Returns how many there were. */
  expel(agentId: string, reason: string): number {
    const theirs = [...this.#open].filter(({ workerId }) => workerId === agentId);
    for (const session of theirs) session.expel(reason);
    return theirs.length;
  }

  /** Ends all sessions, takes no new ones, and waits until the workers know. */
  async close(reason: string): Promise<void> {
    this.#closed = reason;
    for (const session of this.#open) session.close(reason);
    await Promise.all(this.#serving);
  }

  async #enroll(call: ServerUnaryCall<EnrollRequest, EnrollResponse>): Promise<EnrollResponse> {
    const { workers, logger } = this.#options;
    const { response, identity } = await this.#admission.enrol(call.request, call);
    // The token is used up: from here on nothing may fail. The first hello says the same again.
    await workers.enrolled(identity.agentId, identity).catch((error: unknown) => {
      logger.warn("the worker does not know yet that its agent enrolled", { error });
    });
    return response;
  }

  async #connect(call: AgentCall): Promise<void> {
    // Without a listener, an error of a stream that nobody reads yet would end the process.
    call.on("error", () => {});
    const { workers, logs, clock, logger, terms, audit } = this.#options;
    try {
      const { agentId, expiresAtMs, ...known } = await this.#admission.identify(call);
      const session = new AgentStreamSession(
        call,
        { workerId: agentId, ...known },
        {
          workers,
          logs,
          clock,
          logger,
          terms,
          meter: this.#meter,
          greeted: (of, hello) => this.#takeOver(of, hello),
          stray: (what) => audit.record({ kind: "attempt-refused", agentId, what }),
        },
      );
      this.#counters.sessions += 1;
      this.#open.add(session);
      if (this.#closed !== undefined) session.close(this.#closed);
      const expiry = this.#endWithCertificate(session, expiresAtMs);
      await session.serve();
      expiry?.cancel();
      this.#open.delete(session);
      this.#counters.strayMessages += session.strayMessages;
      if (this.#sessions.get(agentId)?.session === session) this.#sessions.delete(agentId);
    } catch (error) {
      call.emit("error", serviceErrorOf(error));
    }
  }

  /** A certificate that has ended must not live on in a stream that was opened before. */
  #endWithCertificate(session: AgentStreamSession, expiresAtMs: number | undefined) {
    if (expiresAtMs === undefined) return undefined;
    const { clock } = this.#options;
    const inMs = Math.max(0, expiresAtMs + limits.clockSkewMs - clock.nowMs());
    return clock.setTimer(inMs, () => session.close("the certificate of this session has ended"));
  }

  /** False: the hello is older than that of the session that is open; the network held it up. */
  #takeOver(session: AgentStreamSession, hello: AgentHello): boolean {
    const known = this.#sessions.get(session.workerId);
    if (known !== undefined && isOlder(hello, known.hello)) return false;
    this.#sessions.set(session.workerId, { session, hello });
    if (known === undefined) return true;
    this.#counters.displaced += 1;
    // One that was started before has died, or is another process with a copy of the same state folder.
    if (known.hello.bootId === hello.bootId) known.session.close("the agent opened a newer stream");
    else {
      this.#options.audit.record({
        kind: "agent-displaced",
        agentId: session.workerId,
        what: "another process connected with its identity, and the older one was told to stop",
      });
      known.session.displace();
    }
    return true;
  }
}

function isOlder(hello: AgentHello, than: AgentHello): boolean {
  if (hello.bootId === than.bootId) return hello.dial < than.dial;
  return hello.start < than.start;
}

/** An agent repeats its enrolment on every other status; what it says of itself will not get better. */
function enrolError(error: unknown): ReturnType<typeof serviceErrorOf> {
  const answer = serviceErrorOf(error);
  return answer.code === status.INVALID_ARGUMENT
    ? { ...answer, code: status.PERMISSION_DENIED }
    : answer;
}
