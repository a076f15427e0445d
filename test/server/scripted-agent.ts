/** An agent that says exactly what a test tells it to: the raw generated client, nothing of the real agent. */
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { type ClientDuplexStream, credentials, Metadata, type StatusObject } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import {
  AgentServiceClient,
  type AttemptRef,
  type ConnectRequest,
  type ConnectResponse,
  type EnrollResponse,
  Hello,
  JobResult,
  type LogTime,
  Outcome,
} from "../../proto/troupe/agent/v1/agent.ts";
import { waitUntil } from "../support/wait-until.ts";

type Answer = NonNullable<ConnectResponse["message"]>;
type AnswerCase = Answer["$case"];
export type AnswerOf<Case extends AnswerCase> = Extract<Answer, { $case: Case }>["value"];
type Message = NonNullable<ConnectRequest["message"]>;

export interface Identity {
  readonly agentId: string;
  readonly credential: string;
  /** Instead of the credential: what it shows in TLS. */
  readonly tls?: SecureContextOptions;
}

/** A gRPC client that goes with the test. */
export function agentClient(address: string, tls?: SecureContextOptions): AgentServiceClient {
  const channel =
    tls === undefined
      ? credentials.createInsecure()
      : credentials.createFromSecureContext(createSecureContext(tls));
  const client = new AgentServiceClient(address, channel, { "grpc.use_local_subchannel_pool": 1 });
  onTestFinished(() => client.close());
  return client;
}

/** Trades a token; rejects with the gRPC error. */
export function enroll(
  address: string,
  token: string,
  agent: { readonly name?: string; readonly labels?: Record<string, string> } = {},
): Promise<EnrollResponse> {
  const { name: agentName = "scripted", labels = {} } = agent;
  return new Promise((resolve, reject) => {
    agentClient(address).enroll(
      { token, agentName, labels, version: "1.2.3", csrPem: "" },
      (error, response) => (error === null ? resolve(response) : reject(error)),
    );
  });
}

export class ScriptedAgent {
  readonly received: Answer[] = [];
  /** How the stream ended; undefined = it is open. */
  ended: StatusObject | undefined;
  readonly #stream: ClientDuplexStream<ConnectRequest | Buffer, ConnectResponse>;
  readonly #taken = new Map<AnswerCase, number>();
  readonly #listeners: ((answer: Answer) => void)[] = [];

  constructor(address: string, identity: Identity | undefined) {
    const metadata = new Metadata();
    if (identity !== undefined && identity.credential !== "") {
      metadata.set("authorization", `Bearer ${identity.agentId}.${identity.credential}`);
    }
    const { path, requestSerialize, responseDeserialize } = AgentServiceClient.service.connect;
    this.#stream = agentClient(address, identity?.tls).makeBidiStreamRequest(
      path,
      (message: ConnectRequest | Buffer) =>
        Buffer.isBuffer(message) ? message : requestSerialize(message),
      responseDeserialize,
      metadata,
    );
    this.#stream.on("data", ({ message }: ConnectResponse) => {
      if (message === undefined) return;
      this.received.push(message);
      for (const listen of this.#listeners) listen(message);
    });
    this.#stream.on("status", (status: StatusObject) => (this.ended ??= status));
    this.#stream.on("error", () => {});
    onTestFinished(() => this.#stream.cancel());
  }

  /** Connects and is welcome. */
  static async welcomed(
    address: string,
    identity: Identity,
    hello: Partial<Hello> = {},
  ): Promise<ScriptedAgent> {
    const agent = new ScriptedAgent(address, identity);
    agent.hello(hello);
    await agent.next("welcome");
    return agent;
  }

  onAnswer(listener: (answer: Answer) => void): void {
    this.#listeners.push(listener);
  }

  /** Nothing is said after the stream has ended. */
  send(message: Message): void {
    if (this.ended === undefined && this.#stream.writable) this.#stream.write({ message });
  }

  hello(hello: Partial<Hello> = {}): void {
    const capabilities = { os: "linux", arch: "x64", slots: 2, shells: ["sh"] };
    const value = Hello.fromPartial({
      protocolVersion: 1,
      version: "1.2.3",
      agentName: "scripted",
      bootId: "boot-1",
      capabilities,
      ...hello,
    });
    this.send({ $case: "hello", value });
  }

  log(attempt: AttemptRef, offset: number, text: string | Buffer, times: LogTime[] = []): void {
    this.send({ $case: "log", value: { attempt, offset, data: Buffer.from(text), times } });
  }

  result(attempt: AttemptRef, result: Partial<JobResult> = {}): void {
    const value = JobResult.fromPartial({
      attempt,
      outcome: Outcome.SUCCEEDED,
      startedAtMs: 1_000,
      durationMs: 5,
      ...result,
    });
    this.send({ $case: "result", value });
  }

  /** The next answer of this kind that no earlier `next` has given. */
  async next<Case extends AnswerCase>($case: Case): Promise<AnswerOf<Case>> {
    const index = this.#taken.get($case) ?? 0;
    this.#taken.set($case, index + 1);
    await waitUntil(`the server says "${$case}" (number ${index + 1})`, () => {
      if (this.all($case).length > index) return true;
      if (this.ended === undefined) return false;
      throw new Error(`the stream ended: ${this.ended.code} ${this.ended.details}`);
    });
    const found = this.all($case)[index];
    if (found === undefined) throw new Error("an answer was taken away");
    return found;
  }

  all<Case extends AnswerCase>($case: Case): AnswerOf<Case>[] {
    return this.received
      .filter((answer): answer is Extract<Answer, { $case: Case }> => answer.$case === $case)
      .map(({ value }) => value as AnswerOf<Case>);
  }

  /** Resolves with the status that the stream ends with. */
  end(): Promise<StatusObject> {
    return waitUntil("the stream ends", () => this.ended);
  }

  /** Closes properly. */
  leave(): void {
    this.#stream.end();
  }

  /** Is gone without a word. */
  vanish(): void {
    this.#stream.cancel();
  }

  /** Bytes that are no message. */
  sendGarbage(): void {
    this.sendBytes(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]));
  }

  /** As one message, whatever they are. */
  sendBytes(bytes: Buffer): void {
    if (this.ended === undefined && this.#stream.writable) this.#stream.write(bytes);
  }
}
