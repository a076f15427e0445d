import { describe, expect, test } from "vitest";
import { helpText, parseCommandLine } from "../../src/agent/command-line.ts";
import { AgentError } from "../../src/agent/index.ts";
import { parseServerAddress } from "../../src/agent/server-address.ts";

describe("troupe-agent's arguments", () => {
  test("all of them", () => {
    const args = [
      ...["--server", "host:1", "--token-file", "-", "--name", "n", "--slots", "3"],
      ...["--label", "a=1", "--label", "b=x=y", "--label", "c="],
      ...[
        "--work-dir",
        "/w",
        "--state-dir",
        "/s",
        "--tls-ca",
        "/ca",
        "--plaintext",
        "--no-cgroups",
      ],
      ...["--drain-timeout", "1.5", "--give-up-after", "60", "--log-file", "/l"],
    ];
    expect(parseCommandLine(args)).toEqual({
      command: "run",
      flags: {
        server: "host:1",
        tokenFile: "-",
        name: "n",
        slots: 3,
        label: { a: "1", b: "x=y", c: "" },
        workDir: "/w",
        stateDir: "/s",
        tlsCaFile: "/ca",
        plaintext: true,
        cgroups: false,
        drainTimeoutMs: 1_500,
        giveUpAfterMs: 60_000,
        logFile: "/l",
      },
    });
  });

  test("none but the server", () => {
    expect(parseCommandLine(["--server=host:1"])).toEqual({
      command: "run",
      flags: { server: "host:1", label: {}, plaintext: false, cgroups: true },
    });
  });

  test.each([
    [[], /--server is missing/],
    [["--server", "h:1", "--slots", "many"], /--slots takes a number, not "many"/],
    [["--server", "h:1", "--label", "gpu"], /--label takes NAME=VALUE, not "gpu"/],
    [["--server", "h:1", "--label", "=1"], /--label takes NAME=VALUE/],
    [["--server", "h:1", "--labels", "a=1"], /--labels/],
    [["--server", "h:1", "surplus"], /surplus/],
    [["--server"], /--server/],
    [["--server", "h:1", "--drain-timeout", "-1"], /--drain-timeout/],
  ])("%j is a mistake, and says which", (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(message);
    expect(() => parseCommandLine(args)).toThrow(AgentError);
  });

  test("the help names every flag", () => {
    expect(parseCommandLine(["--help"])).toEqual({ command: "help" });
    expect(parseCommandLine(["--version"])).toEqual({ command: "version" });
    for (const flag of [
      "server",
      "token-file",
      "name",
      "label",
      "slots",
      "work-dir",
      "state-dir",
    ]) {
      expect(helpText).toContain(`--${flag}`);
    }
  });
});

test.each([
  ["127.0.0.1:7443", "127.0.0.1", 7443, true],
  ["127.9.9.9:1", "127.9.9.9", 1, true],
  ["localhost:1", "localhost", 1, true],
  ["[::1]:65535", "::1", 65_535, true],
  ["ci.example.com:443", "ci.example.com", 443, false],
  ["[fd00::1]:443", "fd00::1", 443, false],
  ["10.0.0.1:1", "10.0.0.1", 1, false],
  // A name that only looks like loopback is none.
  ["127.0.0.1.example.com:1", "127.0.0.1.example.com", 1, false],
])("%s is %s, port %i, on loopback: %s", (target, host, port, isLoopback) => {
  expect(parseServerAddress(target)).toEqual({ target, host, port, isLoopback });
});

test.each(["host", "host:", "host:0", "host:65536", ":1", "::1:80", "http://host:1", "a b:1", ""])(
  "%j is no address",
  (text) => {
    expect(() => parseServerAddress(text)).toThrow(AgentError);
  },
);
