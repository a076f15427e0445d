/**
 * TLS in front of a gRPC server: 1.3 only, with a certificate of the built-in authority that is renewed
 * while connections go on. A client may show a certificate, and need not: an agent that enrols has none
 * yet. What it shows is proven here (the handshake) to be its own, and judged by whoever serves the call.
 */
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { type ConnectionInjector, type Server, ServerCredentials } from "@grpc/grpc-js";
import { type Clock, type Logger, limits, reasonOf, type Timer } from "../actors/kernel/index.ts";
import type { Authority, ServerCertificate } from "./authority/authority.ts";

export interface TlsFrontOptions {
  readonly grpc: Server;
  readonly authority: Authority;
  /** What the server is called by those who dial it. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** After a certificate could not be made; the present one is still good for days. */
const tryAgainMs = 60_000;

export class TlsFront {
  readonly #options: TlsFrontOptions;
  readonly #injector: ConnectionInjector;
  readonly #server: TlsServer;
  readonly #stopListening: () => void;
  #signedBy: string;
  #timer: Timer | undefined;
  #closed = false;
  #handshakesFailed = 0;

  private constructor(options: TlsFrontOptions, certificate: ServerCertificate) {
    const { grpc, authority, logger } = options;
    this.#options = options;
    this.#signedBy = authority.fingerprint();
    this.#injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#server = createServer({
      ...contextOf(certificate),
      ALPNProtocols: ["h2"],
      requestCert: true,
      // An agent that enrols has none; what others show is judged per call, with a reason they can read.
      rejectUnauthorized: false,
      handshakeTimeout: limits.tlsHandshakeTimeoutMs,
    });
    this.#server.on("secureConnection", (socket) => this.#admit(socket));
    this.#server.on("tlsClientError", (error, socket) => {
      this.#handshakesFailed += 1;
      logger.debug("a TLS handshake failed", {
        from: socket.remoteAddress,
        reason: reasonOf(error),
      });
    });
    this.#stopListening = authority.onChange(async () => {
      if (authority.fingerprint() !== this.#signedBy) await this.#renew();
    });
    this.#renewAt(certificate.renewAtMs);
  }

  static async open(options: TlsFrontOptions): Promise<TlsFront> {
    return new TlsFront(options, await options.authority.serverCertificate(options.hosts));
  }

  /** Handshakes that did not come about: another version of TLS, no TLS at all, too slow. */
  get handshakesFailed(): number {
    return this.#handshakesFailed;
  }

  /** Resolves with the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Takes no more connections. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stopListening();
    this.#server.close();
  }

  #admit(socket: TLSSocket): void {
    socket.on("error", () => {});
    if (socket.alpnProtocol !== "h2") return void socket.destroy();
    const shown = socket.getPeerCertificate().raw as Buffer | undefined;
    // gRPC passes on what a peer has shown only on sockets marked like this. It means: it shows something.
    // Whether that is good for anything is judged per call, against the authorities of that moment.
    socket.authorized = shown !== undefined;
    this.#injector.injectConnection(socket);
  }

  async #renew(): Promise<void> {
    const { authority, hosts, clock, logger } = this.#options;
    try {
      const signedBy = authority.fingerprint();
      const certificate = await authority.serverCertificate(hosts);
      if (this.#closed) return;
      this.#server.setSecureContext(contextOf(certificate));
      this.#signedBy = signedBy;
      this.#renewAt(certificate.renewAtMs);
      logger.info("the server's certificate was renewed", { authority: signedBy });
    } catch (error) {
      logger.error("the server's certificate could not be renewed", { error });
      this.#renewAt(clock.nowMs() + tryAgainMs);
    }
  }

  #renewAt(atMs: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    if (this.#closed) return;
    this.#timer = clock.setTimer(Math.max(0, atMs - clock.nowMs()), () => void this.#renew());
  }
}

function contextOf({ chainPem, keyPem }: ServerCertificate) {
  return { cert: chainPem, key: keyPem, minVersion: "TLSv1.3" } as const;
}
