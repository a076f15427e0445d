/**
 * The wire: one enrolment call, and one stream per dial. The only file that knows gRPC.
 * Every dial has a channel of its own, as a shared one would add its own waiting between dials.
 */
import {
  ChannelCredentials,
  type ClientOptions,
  status as grpcStatus,
  Metadata,
  type StatusObject,
} from "@grpc/grpc-js";
import {
  AgentServiceClient,
  type EnrollRequest,
  type EnrollResponse,
} from "../../proto/troupe/agent/v1/agent.ts";
import type { Identity } from "./identity.ts";
import { agentLimits } from "./limits.ts";
import { parseServerAddress } from "./server-address.ts";
import type { FromServer, ToServer } from "./session-messages.ts";

export interface Link {
  send(message: ToServer): void;
  /** False: what is sent now waits in memory. `onWritable` tells when that is over. */
  readonly writable: boolean;
  /** Tells the server that nothing more comes, and waits briefly for its end. No event follows. */
  finish(): void;
  /** Drops the stream. No event follows. */
  cut(): void;
}

export interface LinkEvents {
  onMessage(message: FromServer): void;
  onWritable(): void;
  /** The stream is over, by the server or the network. Once. */
  onLost(loss: LinkLoss): void;
}

/** Why a call ended. `refusal`: by a status that trying again does not change. */
export interface LinkLoss {
  readonly reason: string;
  readonly refusal: "identity" | "permission" | "protocol" | undefined;
}

/** How to reach a server; tests put a network of their own behind it. */
export interface Dialer {
  /** Rejects with `EnrolRefusedError` for a token that will never do, with any other error for a bad moment. */
  enrol(request: EnrollRequest): Promise<EnrollResponse>;
  connect(identity: Identity, events: LinkEvents): Link;
}

export class EnrolRefusedError extends Error {}

export interface DialerOptions {
  readonly server: string;
  /** PEM of the authority that signed the server's certificate; undefined = the system's. */
  readonly tlsCa?: Buffer | undefined;
  /** Off loopback only: send everything, credentials included, in the clear. */
  readonly plaintext?: boolean;
}

/** How long `finish` waits for the server's end of the stream. */
const finishMs = 1_000;

export function grpcDialer({ server, tlsCa, plaintext }: DialerOptions): Dialer {
  const { target, isLoopback } = parseServerAddress(server);
  const insecure = plaintext === true || (isLoopback && tlsCa === undefined);
  const credentials = insecure
    ? ChannelCredentials.createInsecure()
    : ChannelCredentials.createSsl(tlsCa ?? null);
  const newClient = () => new AgentServiceClient(target, credentials, channelOptions(isLoopback));
  return {
    enrol: (request) => enrol(newClient(), request),
    connect: (identity, events) => new GrpcLink(newClient(), identity, events),
  };
}

function channelOptions(isLoopback: boolean): ClientOptions {
  return {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.max_receive_message_length": agentLimits.receiveBytesMax,
    "grpc.max_send_message_length": -1,
    // A proxy for the outside world cannot reach this machine's own loopback.
    ...(isLoopback ? { "grpc.enable_http_proxy": 0 } : {}),
  };
}

function enrol(client: AgentServiceClient, request: EnrollRequest): Promise<EnrollResponse> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + agentLimits.enrolMs;
    client.enroll(request, new Metadata(), { deadline }, (error, response) => {
      client.close();
      if (error === null) return resolve(response);
      const loss = lossOf(error);
      if (loss.refusal === undefined) return reject(new Error(loss.reason));
      return reject(new EnrolRefusedError(loss.reason));
    });
  });
}

class GrpcLink implements Link {
  readonly #client: AgentServiceClient;
  readonly #call: ReturnType<AgentServiceClient["connect"]>;
  #over = false;
  #writable = true;

  constructor(client: AgentServiceClient, identity: Identity, events: LinkEvents) {
    this.#client = client;
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${identity.agentId}.${identity.credential}`);
    this.#call = client.connect(metadata);
    this.#call.on("data", ({ message }: { message: FromServer }) => {
      if (!this.#over) events.onMessage(message);
    });
    this.#call.on("drain", () => {
      this.#writable = true;
      if (!this.#over) events.onWritable();
    });
    // The status says the same, for every end there is.
    this.#call.on("error", () => {});
    this.#call.on("status", (status: StatusObject) => {
      const told = this.#over;
      this.#close();
      if (!told) events.onLost(lossOf(status));
    });
  }

  get writable(): boolean {
    return this.#writable && !this.#over;
  }

  send(message: ToServer): void {
    if (!this.#over) this.#writable = this.#call.write({ message });
  }

  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call.end();
    setTimeout(() => this.#close(), finishMs).unref();
  }

  cut(): void {
    this.#close();
  }

  #close(): void {
    this.#over = true;
    this.#call.cancel();
    this.#client.close();
  }
}

function lossOf({ code, details }: Pick<StatusObject, "code" | "details">): LinkLoss {
  const name = grpcStatus[code] ?? String(code);
  const reason = details === "" || details === name ? name : `${details} (${name})`;
  return {
    reason: code === grpcStatus.OK ? "the server ended the session" : reason,
    refusal: refusals.get(code),
  };
}

const refusals: ReadonlyMap<grpcStatus, LinkLoss["refusal"]> = new Map([
  [grpcStatus.UNAUTHENTICATED, "identity"],
  [grpcStatus.PERMISSION_DENIED, "permission"],
  [grpcStatus.UNIMPLEMENTED, "protocol"],
]);
