/** Where a server listens for agents: `host:port`, and which hosts plaintext is allowed on. */
import { BlockList, isIP } from "node:net";
import { TroupeError } from "../actors/kernel/index.ts";

export interface ListenAddress {
  /** An IP address. */
  readonly host: string;
  /** 0 = one that is free. */
  readonly port: number;
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * Reads `127.0.0.1:7400`, `localhost:0`, `[::1]:7400`. Throws `TROUPE_LISTEN_REFUSED` for what is no
 * address, and for one that other machines could reach: agents' credentials and secrets would
 * travel in the clear.
 */
export function parseListenAddress(listen: string): ListenAddress {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen);
  const named = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  if (named === undefined || port > 65_535) {
    const problem = `expected host:port, such as 127.0.0.1:7400 or [::1]:0, with a port up to 65535`;
    throw new TroupeError("TROUPE_LISTEN_REFUSED", { listen, problem });
  }
  const host = named === "localhost" ? "127.0.0.1" : named;
  const family = isIP(host);
  if (family === 0 || !loopback.check(host, family === 6 ? "ipv6" : "ipv4")) {
    const problem =
      "agents' credentials and jobs' secrets would cross the network unencrypted, because this server " +
      "has no TLS; listen on a loopback address (127.0.0.1 or [::1]) and forward it, by SSH for instance";
    throw new TroupeError("TROUPE_LISTEN_REFUSED", { listen, problem });
  }
  return { host, port };
}

/** `host:port` as a client dials it. */
export function formatAddress({ host, port }: ListenAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
