import { AgentError, exitCodes } from "./agent-error.ts";

export interface ServerAddress {
  /** As gRPC dials it. */
  readonly target: string;
  readonly host: string;
  readonly port: number;
  /** Traffic cannot leave this machine. */
  readonly isLoopback: boolean;
}

/** `host:port` or `[v6]:port`. Throws `AgentError` with what is wrong. */
export function parseServerAddress(text: string): ServerAddress {
  if (text.includes("://")) {
    throw usage(`--server takes host:port without a scheme, not ${JSON.stringify(text)}`);
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw usage(
      `--server takes host:port, for example 127.0.0.1:7443, not ${JSON.stringify(text)}`,
    );
  }
  const host = match[1] ?? match[2] ?? "";
  return { target: text, host, port, isLoopback: isLoopback(host) };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function usage(message: string): AgentError {
  return new AgentError(message, exitCodes.usage);
}
