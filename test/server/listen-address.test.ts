import { describe, expect, it } from "vitest";
import { isTroupeError } from "../../src/actors/kernel/index.ts";
import {
  advertisedAddress,
  formatAddress,
  localAddress,
  namesOf,
  parseListenAddress,
  speaksTls,
} from "../../src/server/listen-address.ts";

describe("a listen address", () => {
  it.each([
    ["127.0.0.1:0", "127.0.0.1:0"],
    ["127.8.9.10:7400", "127.8.9.10:7400"],
    ["localhost:80", "127.0.0.1:80"],
    ["[::1]:65535", "[::1]:65535"],
  ])("%s is on loopback", (listen, formatted) => {
    expect(formatAddress(parseListenAddress(listen))).toBe(formatted);
  });

  it.each(["0.0.0.0:7400", "192.168.1.5:0", "[::]:7400", "[::ffff:10.0.0.1]:1"])(
    "%s can be reached from elsewhere: TLS, and never without",
    (listen) => {
      const address = parseListenAddress(listen);
      expect(speaksTls(address, undefined)).toBe(true);
      expect(() => speaksTls(address, false)).toThrow(/unencrypted.*loopback/);
    },
  );

  it("on loopback TLS is there when it is asked for", () => {
    const address = parseListenAddress("127.0.0.1:0");
    expect([undefined, false, true].map((wanted) => speaksTls(address, wanted))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it("a name is none: it is what agents dial, not where the server listens", () => {
    expect(() => parseListenAddress("example.org:7400")).toThrow(/--advertise/);
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

describe("what agents dial", () => {
  const everywhere = { host: "0.0.0.0", port: 7447 };

  it.each([
    ["ci.example.org", "ci.example.org:7447"],
    ["ci.example.org:443", "ci.example.org:443"],
    ["10.1.2.3", "10.1.2.3:7447"],
    ["2001:db8::1", "[2001:db8::1]:7447"],
    ["[2001:db8::1]:443", "[2001:db8::1]:443"],
  ])("%s", (advertise, dialled) => {
    expect(formatAddress(advertisedAddress(everywhere, advertise))).toBe(dialled);
  });

  it.each(["", "0.0.0.0", "a b", "https://x", "x:99999", "-x"])("%j is refused", (advertise) => {
    expect(() => advertisedAddress(everywhere, advertise)).toThrow(/advertised/);
  });

  it("all names of the machine are in the certificate, and its own agents use loopback", () => {
    const names = namesOf(everywhere, advertisedAddress(everywhere, "ci.example.org"));
    expect(names).toEqual(
      expect.arrayContaining(["ci.example.org", "localhost", "127.0.0.1", "::1"]),
    );
    expect(new Set(names).size).toBe(names.length);
    expect(localAddress(everywhere)).toEqual({ host: "127.0.0.1", port: 7447 });
  });
});
