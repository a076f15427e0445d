/** Where a server listens for agents, and what those call it who dial it. */

import { BlockList, isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { TroupeError } from "../actors/kernel/index.ts";

export interface Address {
  readonly host: string;
  /** 0 = one that is free. */
  readonly port: number;
}

export interface ListenAddress extends Address {
  /** Nothing that is said there leaves this machine. */
  readonly isLoopback: boolean;
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * Reads `127.0.0.1:7400`, `localhost:0`, `[::1]:7400`, `0.0.0.0:7447`. Throws `TROUPE_LISTEN_REFUSED` for what
 * is no address of a machine.
 */
export function parseListenAddress(listen: string): ListenAddress {
  const parts = split(listen);
  if (parts === undefined) {
    throw refused(
      listen,
      "expected host:port, such as 127.0.0.1:7400 or [::1]:0, with a port up to 65535",
    );
  }
  const host = parts.host === "localhost" ? "127.0.0.1" : parts.host;
  const family = isIP(host);
  if (family === 0) {
    throw refused(
      listen,
      "expected an IP address of this machine (0.0.0.0 for all of them); what agents call it is said by --advertise",
    );
  }
  return {
    host,
    port: parts.port,
    isLoopback: loopback.check(host, family === 6 ? "ipv6" : "ipv4"),
  };
}

/** Is the agent port to speak TLS? Off loopback it always is. Throws `TROUPE_LISTEN_REFUSED`. */
export function speaksTls(listen: ListenAddress, wanted: boolean | undefined): boolean {
  if (wanted === false && !listen.isLoopback) {
    throw refused(
      formatAddress(listen),
      "agents' identities and jobs' secrets would cross the network unencrypted; without TLS a server listens on loopback only (127.0.0.1 or [::1])",
    );
  }
  return wanted ?? !listen.isLoopback;
}

/** What agents dial: as said (`name` or `name:port`), else the address itself, or this machine's name for "all addresses". */
export function advertisedAddress(listen: Address, advertise: string | undefined): Address {
  if (advertise === undefined) {
    return { host: isWildcard(listen.host) ? hostname() : listen.host, port: listen.port };
  }
  const bare = isIP(advertise) === 0 ? split(advertise) : undefined;
  const { host, port } = bare ?? { host: advertise, port: listen.port };
  const isName = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(host);
  if ((isName || isIP(host) !== 0) && !isWildcard(host)) return { host, port: port || listen.port };
  throw refused(advertise, "expected, to be advertised, a name or an address that agents can dial");
}

/** What dials it from this machine. */
export function localAddress({ host, port }: Address): Address {
  if (!isWildcard(host)) return { host, port };
  return { host: host === "::" ? "::1" : "127.0.0.1", port };
}

/** Every name and address that the server may be dialled by: what its certificate is good for. */
export function namesOf(listen: Address, advertised: Address): readonly string[] {
  const own = isWildcard(listen.host)
    ? Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
    : [listen.host];
  // Of an address with a zone (fe80::1%eth0) nobody elsewhere knows the zone.
  const usable = own.filter((address) => !address.includes("%"));
  return [...new Set([advertised.host, "localhost", "127.0.0.1", "::1", ...usable])];
}

/** `host:port` as a client dials it. */
export function formatAddress({ host, port }: Address): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function split(text: string): Address | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function refused(listen: string, problem: string): TroupeError {
  return new TroupeError("TROUPE_LISTEN_REFUSED", { listen, problem });
}
