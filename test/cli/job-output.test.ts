import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogCommands, logCommand } from "../../src/actors/logs/index.ts";
import { JobOutput } from "../../src/cli/render/job-output.ts";
import { plainStyle } from "../../src/cli/render/style.ts";

function shown(lines: readonly string[]): { lines: string[]; annotations: string[] } {
  const seen: string[] = [];
  const output = new JobOutput({ style: plainStyle, withTimes: false }, (job, line) =>
    seen.push(`${job}|${line}`),
  );
  for (const line of lines) output.line("a", line);
  return { lines: seen, annotations: output.annotations() };
}

describe("commands in a log", () => {
  it.each([
    ["::group::Install", { kind: "group", title: "Install" }],
    ["  ::group::indented", { kind: "group", title: "indented" }],
    ["::endgroup::", { kind: "endgroup" }],
    ["::debug::x", { kind: "debug", message: "x" }],
    ["::error::it broke", annotation({ severity: "error", message: "it broke" })],
    [
      "::error file=src/a.ts,line=3,col=7,title=Type::no: never",
      annotation({
        severity: "error",
        message: "no: never",
        title: "Type",
        file: "src/a.ts",
        line: 3,
        column: 7,
      }),
    ],
    [
      "::warning file=a%2Cb%3Ac.ts,line=x::50%25%0Aof it",
      annotation({ severity: "warning", message: "50%\nof it", file: "a,b:c.ts" }),
    ],
    [
      "::error file=a,line=3,endLine=5,col=7,endColumn=9::x",
      annotation({
        ...{ severity: "error", message: "x", file: "a" },
        ...{ line: 3, endLine: 5, column: 7, endColumn: 9 },
      }),
    ],
    ["::notice ::plain", annotation({ severity: "notice", message: "plain" })],
    ["std::vector<int>::error", undefined],
    ["::unknown::x", undefined],
    ["::error", undefined],
    ["echo ::error::x", undefined],
    ["", undefined],
  ])("%j", (line, command) => {
    expect(logCommand(line)).toEqual(command);
  });

  it("are silent between stop-commands and its token", () => {
    const lines = [
      "::stop-commands::t0ken",
      "::error::not mine",
      "::endgroup::",
      "::other::",
      " ::t0ken::",
      "::error::mine",
    ];
    const commands = new LogCommands();
    expect(lines.map((line) => commands.read(line)?.kind)).toEqual([
      ...[undefined, undefined, undefined, undefined, undefined, "annotation"],
    ]);
  });

  it("never fail, and never make a command of a line that is none", () => {
    fc.assert(
      fc.property(fc.string(), (line) => {
        if (logCommand(line) !== undefined) expect(line.trimStart().startsWith("::")).toBe(true);
      }),
    );
  });
});

function annotation(of: object): object {
  return { kind: "annotation", annotation: of };
}

describe("a job's output", () => {
  it("heads groups, indents what is in them, and marks annotations", () => {
    const { lines, annotations } = shown([
      "before",
      "::group::Build",
      "cc a.c",
      "::warning file=a.c,line=3::unused",
      "::endgroup::",
      "after",
      "::error::no such file",
    ]);
    expect(lines).toEqual([
      "a|before",
      "a|> Build",
      "a|  cc a.c",
      "a|  warning: a.c:3: unused",
      "a|after",
      "a|error: no such file",
    ]);
    expect(annotations).toEqual([
      "annotations",
      "  a: warning: a.c:3: unused",
      "  a: error: no such file",
      "",
    ]);
  });

  it("keeps fifty annotations and counts the rest", () => {
    const { annotations } = shown(Array.from({ length: 60 }, (_, n) => `::notice::n${n}`));
    expect(annotations).toHaveLength(53);
    expect(annotations.at(-2)).toBe("  and 10 more");
  });

  it("lets no escape bring back a second line or a control character", () => {
    const { lines } = shown(["::error::a%0Ab%0D%0Ac"]);
    expect(lines).toEqual(["a|error: a b c"]);
  });
});
