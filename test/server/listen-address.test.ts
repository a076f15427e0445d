import { describe, expect, it } from "vitest";
import { isTroupeError } from "../../src/actors/kernel/index.ts";
import { formatAddress, parseListenAddress } from "../../src/server/listen-address.ts";

describe("a listen address", () => {
  it.each([
    ["127.0.0.1:0", "127.0.0.1:0"],
    ["127.8.9.10:7400", "127.8.9.10:7400"],
    ["localhost:80", "127.0.0.1:80"],
    ["[::1]:65535", "[::1]:65535"],
  ])("%s is on loopback", (listen, formatted) => {
    expect(formatAddress(parseListenAddress(listen))).toBe(formatted);
  });

  it.each([
    "0.0.0.0:7400",
    "192.168.1.5:0",
    "[::]:7400",
    "example.org:7400",
    "[::ffff:10.0.0.1]:1",
  ])("%s is refused, because others could listen in", (listen) => {
    expect(() => parseListenAddress(listen)).toThrow(/unencrypted.*loopback/);
  });

  it.each(["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:80", "127.0.0.1:8x"])(
    "%j is no address",
    (listen) => {
      try {
        parseListenAddress(listen);
        expect.unreachable();
      } catch (error) {
        expect(isTroupeError(error, "TROUPE_LISTEN_REFUSED")).toBe(true);
        expect(String(error)).toMatch(/expected host:port/);
      }
    },
  );
});
