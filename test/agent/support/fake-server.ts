/**
 * A scripted server of the agent's stream over real gRPC. It stores log bytes and results the way
 * the contract asks, checks what arrives against it, and can be cut, silenced or garbled at will.
 */
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import {
  AgentServiceService,
  type Assignment,
  type AttemptRef,
  type ConnectRequest,
  type ConnectResponse,
  type EnrollRequest,
  type EnrollResponse,
  type Hello,
  type JobResult,
  OnDisconnect,
  type Welcome,
} from "../../../proto/troupe/agent/v1/agent.ts";
import { attemptKey } from "../../../src/agent/attempt.ts";
import type { FromServer, ToServer } from "../../../src/agent/session-messages.ts";
import { waitUntil } from "../../support/wait-until.ts";

export interface FakeServerOptions {
  readonly welcome?: Partial<Welcome>;
  /** false: the test answers everything itself. */
  readonly automatic?: boolean;
  /** Called for each message before it is handled; true = cut the stream, the message is lost. */
  readonly cutAt?: (message: ToServer, count: number) => boolean;
  /** Keep log acknowledgements back. */
  readonly holdLogAcks?: boolean;
  readonly port?: number;
}

export class FakeServer {
  readonly sessions: FakeSession[] = [];
  readonly enrolments: EnrollRequest[] = [];
  /** Tokens that still work. */
  readonly tokens = new Set(["token-1"]);
  readonly identities = new Set<string>();
  /** Attempt key → stored log. */
  readonly logs = new Map<string, StoredLog>();
  /** Attempt key → every result that arrived. */
  readonly results = new Map<string, JobResult[]>();
  readonly violations: string[] = [];
  options: FakeServerOptions;
  messageCount = 0;
  #server = new Server();
  #port = 0;

  private constructor(options: FakeServerOptions) {
    this.options = options;
  }

  static async start(options: FakeServerOptions = {}): Promise<FakeServer> {
    const fake = new FakeServer(options);
    await fake.#listen(options.port ?? 0);
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** As `kill -9` and a new start on the same port: streams die, what was stored stays. */
  async restart(): Promise<void> {
    this.#server.forceShutdown();
    this.#server = new Server();
    await this.#listen(this.#port);
  }

  async stop(): Promise<void> {
    this.#server.forceShutdown();
  }

  async session(index = this.sessions.length): Promise<FakeSession> {
    await waitUntil(`session ${index}`, () => this.sessions[index]?.hello !== undefined);
    return this.sessions[index] as FakeSession;
  }

  get last(): FakeSession {
    return this.sessions.at(-1) as FakeSession;
  }

  async result(ref: AttemptRef): Promise<JobResult> {
    const key = attemptKey(ref);
    await waitUntil(`the result of ${key}`, () => this.results.has(key));
    return this.results.get(key)?.[0] as JobResult;
  }

  log(ref: AttemptRef): Buffer {
    return this.logs.get(attemptKey(ref))?.bytes ?? Buffer.alloc(0);
  }

  text(ref: AttemptRef): string {
    return this.log(ref).toString("utf8");
  }

  async #listen(port: number): Promise<void> {
    this.#server.addService(serviceWithRawBytes, {
      enroll: (call: EnrollCall, reply: sendUnaryData<EnrollResponse>) => this.#enroll(call, reply),
      connect: (stream: ConnectStream) => {
        this.sessions.push(new FakeSession(this, stream));
      },
    });
    this.#port = await new Promise((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
  }

  #enroll(call: EnrollCall, reply: sendUnaryData<EnrollResponse>): void {
    this.enrolments.push(call.request);
    if (!this.tokens.delete(call.request.token)) {
      reply({ code: status.UNAUTHENTICATED, details: "the token is unknown, used or expired" });
      return;
    }
    const agentId = `agent-${this.enrolments.length}`;
    this.identities.add(`Bearer ${agentId}.secret`);
    reply(null, { agentId, credential: "secret", certificatePem: "", caPem: "", validForMs: 0 });
  }
}

/** The generated service, but a buffer goes out as it is, whatever its bytes mean. */
const serviceWithRawBytes = {
  ...AgentServiceService,
  connect: {
    ...AgentServiceService.connect,
    responseSerialize: (value: ConnectResponse | Buffer) =>
      Buffer.isBuffer(value) ? value : AgentServiceService.connect.responseSerialize(value),
  },
};

type EnrollCall = ServerUnaryCall<EnrollRequest, EnrollResponse>;
type ConnectStream = ServerDuplexStream<ConnectRequest, ConnectResponse>;

export class FakeSession {
  readonly received: ToServer[] = [];
  readonly stream: ConnectStream;
  hello: Hello | undefined;
  over = false;
  readonly #server: FakeServer;

  constructor(server: FakeServer, stream: ConnectStream) {
    this.#server = server;
    this.stream = stream;
    const identity = String(stream.metadata.get("authorization")[0]);
    if (!server.identities.has(identity)) {
      stream.emit("error", { code: status.UNAUTHENTICATED, details: "unknown agent" });
      this.over = true;
      return;
    }
    stream.on("data", ({ message }: ConnectRequest) => this.#take(message));
    stream.on("end", () => stream.end());
    stream.on("error", () => {});
    stream.on("close", () => {
      this.over = true;
    });
  }

  send(message: NonNullable<FromServer>): void {
    if (!this.over) this.stream.write({ message });
  }

  /** Bytes in the place of a message. */
  sendRaw(bytes: Buffer): void {
    if (!this.over) (this.stream as unknown as { write(bytes: Buffer): void }).write(bytes);
  }

  assign(assignment: Assignment): void {
    this.send({ $case: "assignment", value: assignment });
  }

  cut(): void {
    this.over = true;
    this.stream.emit("error", { code: status.UNAVAILABLE, details: "cut by the test" });
  }

  kinds(): string[] {
    return this.received.map((message) => message.$case);
  }

  async waitFor(kind: ToServer["$case"]): Promise<void> {
    await waitUntil(`a message of kind ${kind}`, () => this.kinds().includes(kind));
  }

  #take(message: ConnectRequest["message"]): void {
    if (this.over) return;
    if (message === undefined) {
      this.#server.violations.push("an empty message");
      return;
    }
    const { automatic = true, cutAt } = this.#server.options;
    if (cutAt?.(message, ++this.#server.messageCount) === true) return this.cut();
    this.received.push(message);
    if (message.$case === "hello") this.hello = message.value;
    this.#store(message);
    if (automatic) this.#answer(message);
  }

  #store(message: ToServer): void {
    if (message.$case === "log") {
      const { attempt, offset, data } = message.value;
      const key = attemptKey(attempt as AttemptRef);
      const stored = this.#server.logs.get(key) ?? new StoredLog();
      this.#server.logs.set(key, stored);
      const problem = stored.write(offset, data);
      if (problem !== undefined) this.#server.violations.push(`${key}: ${problem}`);
    }
    if (message.$case === "result") {
      const key = attemptKey(message.value.attempt as AttemptRef);
      const stored = this.#server.logs.get(key)?.bytes.length ?? 0;
      if (stored !== message.value.logBytes) {
        this.#server.violations.push(`${key}: a result before its log (${stored})`);
      }
      this.#server.results.set(key, [...(this.#server.results.get(key) ?? []), message.value]);
    }
  }

  #answer(message: ToServer): void {
    switch (message.$case) {
      case "hello":
        return this.send({ $case: "welcome", value: welcome(this.#server.options.welcome) });
      case "heartbeat":
        return this.send({
          $case: "heartbeatAck",
          value: { sequence: message.value.sequence },
        });
      case "log": {
        if (this.#server.options.holdLogAcks === true) return;
        const { attempt } = message.value;
        const offset = this.#server.log(attempt as AttemptRef).length;
        return this.send({ $case: "logAck", value: { attempt, offset } });
      }
      case "result":
        return this.send({
          $case: "resultAck",
          value: { attempt: message.value.attempt, recorded: true, reason: "" },
        });
      case "accepted":
      case "started":
      case "draining":
        return;
    }
  }
}

/** A log as a server stores it: what overlaps must be the same, holes are refused. */
class StoredLog {
  #buffer = Buffer.alloc(1024);
  #length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  write(offset: number, data: Buffer): string | undefined {
    if (offset > this.#length) return `a hole at ${this.#length}, before ${offset}`;
    const overlap = Math.min(this.#length - offset, data.length);
    if (!this.bytes.subarray(offset, offset + overlap).equals(data.subarray(0, overlap))) {
      return `other bytes at ${offset}`;
    }
    const end = Math.max(this.#length, offset + data.length);
    if (end > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.bytes], Math.max(end, this.#buffer.length * 2));
    }
    data.copy(this.#buffer, this.#length, overlap);
    this.#length = end;
    return undefined;
  }
}

export function welcome(changes: Partial<Welcome> = {}): Welcome {
  return {
    workerId: "worker-1",
    heartbeatIntervalMs: 1_000,
    leaseMs: 15_000,
    leaseGraceMs: 10_000,
    logFlushMs: 20,
    logWindowBytes: 1024 * 1024,
    disowned: [],
    serverVersion: "test",
    ...changes,
  };
}

let runs = 0;

/** An assignment of a run of its own. */
export function assignment(
  changes: Partial<Assignment> = {},
): Assignment & { attempt: AttemptRef } {
  return {
    attempt: { runId: `run-${++runs}`, job: "build", attempt: 1 },
    pipeline: "test",
    script: "echo hello",
    shell: "sh",
    env: {},
    secrets: {},
    outputs: [],
    timeoutMs: 0,
    killGraceMs: 2_000,
    workingDirectory: "",
    traceparent: "",
    onDisconnect: OnDisconnect.CONTINUE,
    inputs: [],
    artifacts: [],
    stdin: "",
    caches: [],
    ...changes,
  } as Assignment & { attempt: AttemptRef };
}
