/** A gRPC server on one address, with the settings that all of ours share. */
import { createServer } from "node:net";
import { Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";
import { type Clock, type Logger, reasonOf, TroupeError } from "../actors/kernel/index.ts";
import type { Authority } from "./authority/authority.ts";
import { type Address, formatAddress } from "./listen-address.ts";
import { TlsFront } from "./tls-front.ts";
import { widenWindows } from "./wide-windows.ts";

export interface GrpcListener {
  /** Of the address; 1 for a unix socket. */
  readonly port: number;
  /** Takes no new calls, gives those under way `deadlineMs`, then cuts them. */
  stop(deadlineMs: number): Promise<void>;
}

const settings: ServerOptions = {
  // A dead connection is noticed within 40 s, also where no packet says so; what that means for jobs is
  // decided by leases. A machine that is merely busy answers in time.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.keepalive_permit_without_calls": 1,
};

interface GrpcOptions {
  readonly clock: Clock;
  /** The largest message it takes. */
  readonly messageBytesMax: number;
  /** Registers the services. */
  readonly services: (server: Server) => void;
}

export interface ListenOptions extends GrpcOptions {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
}

export interface ListenTlsOptions extends GrpcOptions {
  readonly address: Address;
  readonly authority: Authority;
  /** What the server is called by those who dial it. */
  readonly hosts: readonly string[];
  readonly logger: Logger;
}

/** Listens without TLS; throws `TROUPE_LISTEN_REFUSED` when the address cannot be had. */
export async function listenGrpc(options: ListenOptions): Promise<GrpcListener> {
  const server = newServer(options);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(listenError(options.address, error));
    });
  });
  widenWindows(server);
  return { port, stop: (deadlineMs) => stopServer(server, options.clock, deadlineMs) };
}

/** Listens with TLS, and nothing else; throws as `listenGrpc` does. */
export async function listenTls(options: ListenTlsOptions): Promise<GrpcListener> {
  const { address, clock, authority, hosts, logger } = options;
  const grpc = newServer(options);
  const front = await TlsFront.open({ grpc, authority, hosts, clock, logger });
  widenWindows(grpc);
  try {
    const port = await front.listen(address.host, address.port);
    const stop = (deadlineMs: number): Promise<void> => {
      front.close();
      return stopServer(grpc, clock, deadlineMs);
    };
    return { port, stop };
  } catch (error) {
    front.close();
    throw listenError(formatAddress(address), error as Error);
  }
}

function newServer({ messageBytesMax, services }: GrpcOptions): Server {
  const server = new Server({
    ...settings,
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": -1,
  });
  services(server);
  return server;
}

/**
 * Why a port cannot be had; undefined = it can. Asked before the library is, which writes a complaint of
 * its own to stderr.
 */
export function portProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error) => resolve(reasonOf(error)));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
}

function listenError(listen: string, cause: Error): TroupeError {
  const problem = reasonOf(cause);
  return new TroupeError("TROUPE_LISTEN_REFUSED", { listen, problem }, { cause });
}

async function stopServer(server: Server, clock: Clock, deadlineMs: number): Promise<void> {
  const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const cut = clock.setTimer(deadlineMs, () => server.forceShutdown());
  await ended;
  cut.cancel();
}
