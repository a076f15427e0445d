/**
 * The wire: one enrolment call, and one stream per dial. The only file that knows gRPC.
 * Every dial has a channel of its own, as a shared one would add its own waiting between dials.
 */
import {
  type ClientOptions,
  status as grpcStatus,
  Metadata,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import {
  AgentServiceClient,
  AgentServiceService,
  type ConnectRequest,
  type EnrollRequest,
  type EnrollResponse,
  type RenewResponse,
} from "../../proto/troupe/agent/v1/agent.ts";
import { TransferServiceClient } from "../../proto/troupe/agent/v1/transfer.ts";
import { GrpcBlobLink } from "./blob-link.ts";
import {
  type ChannelSecurity,
  enrolmentSecurity,
  identitySecurity,
  type SecurityOptions,
} from "./channel-security.ts";
import { type CertificateIdentity, hasCertificate, type Identity } from "./identity.ts";
import { agentLimits } from "./limits.ts";
import { MessageBuffers } from "./message-buffers.ts";
import { requestBytes } from "./request-bytes.ts";
import { parseServerAddress } from "./server-address.ts";
import { parseToken, ServerUnknownError } from "./server-trust.ts";
import type { FromServer, ToServer } from "./session-messages.ts";
import type { BlobLink } from "./transfers.ts";

export interface Link {
  /** Resolves when the connection is there; rejects when it cannot be had in time. */
  ready(): Promise<void>;
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
  /** A new certificate, over the key of the request. Rejects as `enrol` does. */
  renew(identity: CertificateIdentity, csrPem: string): Promise<RenewResponse>;
  connect(identity: Identity, events: LinkEvents): Link;
  /** For files of jobs, beside the session. */
  transfers(identity: Identity): BlobLink & { close(): void };
}

export class EnrolRefusedError extends Error {}

export interface DialerOptions extends SecurityOptions {
  readonly server: string;
}

/** How long `finish` waits for the server's end of the stream. */
const finishMs = 1_000;

export function grpcDialer({ server, ...security }: DialerOptions): Dialer {
  const address = parseServerAddress(server);
  const newClient = ({ credentials, options }: ChannelSecurity) =>
    new AgentServiceClient(address.target, credentials, {
      ...channelOptions(address.isLoopback),
      ...options,
    });
  return {
    enrol: async (request) => {
      const client = newClient(await enrolmentChannel(address, request.token, security));
      const token = parseToken(request.token).secret;
      return unary(client, (...call) => client.enroll({ ...request, token }, ...call));
    },
    renew: async (identity, csrPem) => {
      const client = newClient(identitySecurity(address, identity, security));
      return unary(client, (...call) => client.renew({ csrPem }, ...call));
    },
    connect: (identity, events) =>
      new GrpcLink(newClient(identitySecurity(address, identity, security)), identity, events),
    transfers: (identity) => {
      const { credentials, options } = identitySecurity(address, identity, security);
      const all = { ...channelOptions(address.isLoopback), ...options };
      const client = new TransferServiceClient(address.target, credentials, all);
      return new GrpcBlobLink(client, metadataOf(identity));
    },
  };
}

/** A server that is not the one of the token will not become it. */
async function enrolmentChannel(
  ...of: Parameters<typeof enrolmentSecurity>
): Promise<ChannelSecurity> {
  try {
    return await enrolmentSecurity(...of);
  } catch (error) {
    if (error instanceof ServerUnknownError) throw new EnrolRefusedError(error.message);
    throw error;
  }
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

type UnaryCall<Response> = (
  metadata: Metadata,
  options: { readonly deadline: number },
  answer: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** One call, and the end of its client. */
function unary<Response>(client: AgentServiceClient, call: UnaryCall<Response>): Promise<Response> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + agentLimits.enrolMs;
    call(new Metadata(), { deadline }, (error, response) => {
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
  readonly #buffers = new MessageBuffers();
  #over = false;
  #writable = true;

  constructor(client: AgentServiceClient, identity: Identity, events: LinkEvents) {
    this.#client = client;
    const { path, responseDeserialize } = AgentServiceService.connect;
    const metadata = metadataOf(identity);
    const serialize = (request: ConnectRequest): Buffer =>
      requestBytes(request, (bytes) => this.#buffers.take(bytes));
    this.#call = client.makeBidiStreamRequest(path, serialize, responseDeserialize, metadata);
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

  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + agentLimits.welcomeMs, (error) =>
        error === undefined ? resolve() : reject(error),
      );
    });
  }

  get writable(): boolean {
    return this.#writable && !this.#over;
  }

  send(message: ToServer): void {
    if (this.#over) return;
    // The library has copied the message behind its own five bytes by then.
    this.#writable = this.#call.write({ message }, () => this.#buffers.release());
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

/** A certificate speaks for itself. */
function metadataOf(identity: Identity): Metadata {
  const metadata = new Metadata();
  if (!hasCertificate(identity)) {
    metadata.set("authorization", `Bearer ${identity.agentId}.${identity.credential}`);
  }
  return metadata;
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
