/** Serves a registry's metrics over HTTP, for Prometheus to scrape: `GET /metrics`, nothing else. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { UsageError } from "./usage-error.ts";

export interface MetricsEndpoint {
  readonly url: string;
  close(): void;
}

/** `listen` is `host:port` or a port on loopback. Throws a `UsageError`. */
export async function serveMetrics(registry: Registry, listen: string): Promise<MetricsEndpoint> {
  const [, host = "127.0.0.1", port = ""] = /^(?:\[?([^\]]*?)\]?:)?(\d{1,5})$/.exec(listen) ?? [];
  if (port === "" || Number(port) > 65_535) {
    throw new UsageError(`--metrics wants host:port or a port, got "${listen}"`);
  }
  const server = createServer((request, response) => {
    if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404).end("there is only GET /metrics\n");
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
      (error: Error) => response.writeHead(500).end(`${error.message}\n`),
    );
  });
  server.listen(Number(port), host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new UsageError(`--metrics ${listen}: ${(error as Error).message}`);
  }
  const { address, family, port: bound } = server.address() as AddressInfo;
  const url = `http://${family === "IPv6" ? `[${address}]` : address}:${bound}/metrics`;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url, close };
}
