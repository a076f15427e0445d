/**
 * HTTP/2 windows for what agents send. The library has an option for them on the client's side only; with the
 * protocol's 64 KiB a sender waits for the receiver's word after every piece of log, which costs a third of the
 * throughput on the loopback and nearly all of it over a distance. A library that has other insides leaves
 * the windows as they are: slower, and otherwise the same.
 */
import type { Http2Server, ServerHttp2Session } from "node:http2";
import type { Server } from "@grpc/grpc-js";
import { limits } from "../actors/kernel/index.ts";

interface ServerInsides {
  readonly http2Servers?: ReadonlyMap<Pick<Http2Server, "on">, unknown>;
}

/** For every connection that comes from now on; once the server is bound or has its injector. */
export function widenWindows(server: Server): void {
  const { http2Servers } = server as unknown as ServerInsides;
  for (const http2 of http2Servers?.keys() ?? []) http2.on("session", widen);
}

function widen(session: ServerHttp2Session): void {
  session.settings({ initialWindowSize: limits.agentStreamWindowBytes });
  session.setLocalWindowSize(limits.agentConnectionWindowBytes);
}
