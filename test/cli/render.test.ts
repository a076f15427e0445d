import { describe, expect, it } from "vitest";
import { JobStatus, RunStatus } from "../../proto/troupe/control/v1/control.ts";
import { duration } from "../../src/cli/render/duration.ts";
import { JsonEvents } from "../../src/cli/render/json-events.ts";
import { LiveArea } from "../../src/cli/render/live-area.ts";
import { LogLines } from "../../src/cli/render/log-lines.ts";
import { exitCodeOf, presenter } from "../../src/cli/render/presenter.ts";
import { progressTree } from "../../src/cli/render/progress-tree.ts";
import { plainStyle, styleOf } from "../../src/cli/render/style.ts";
import { summary } from "../../src/cli/render/summary.ts";
import { clip, table, visibleWidth } from "../../src/cli/render/table.ts";
import { job, run } from "./run-fixture.ts";

describe("duration", () => {
  it.each([
    [0, "0 ms"],
    [-5, "0 ms"],
    [999, "999 ms"],
    [1_000, "1.0 s"],
    [59_900, "59.9 s"],
    [60_000, "1m 00s"],
    [3_599_400, "59m 59s"],
    [3_600_000, "1h 00m"],
    [3_725_000, "1h 02m"],
  ])("shows %i ms as %s", (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe("style", () => {
  it("gives a pipe no colour, no redrawing and ASCII", () => {
    const style = styleOf({ isTTY: false }, { LANG: "en_US.UTF-8" });
    expect(style).toMatchObject({ color: false, live: false, unicode: false });
  });

  it("honours NO_COLOR, also when empty, and FORCE_COLOR", () => {
    expect(styleOf({ isTTY: true }, { NO_COLOR: "" }).color).toBe(false);
    expect(styleOf({ isTTY: false }, { FORCE_COLOR: "1" }).paint("red", "x")).toContain(
      "\u001b[31m",
    );
  });

  it("takes a terminal without a size for one of usual size", () => {
    const style = styleOf({ isTTY: true, columns: 0, rows: 0 }, {});
    expect(style).toMatchObject({ columns: 100, rows: 30 });
  });

  it("does not redraw on a dumb terminal or in CI", () => {
    expect(styleOf({ isTTY: true }, { TERM: "dumb" }).live).toBe(false);
    expect(styleOf({ isTTY: true }, { CI: "true" }).live).toBe(false);
  });
});

describe("table", () => {
  it("pads by what is seen, not by colour codes", () => {
    expect(
      table([
        ["\u001b[31ma\u001b[39m", "b"],
        ["ccc", "d"],
      ]),
    ).toEqual(["\u001b[31ma\u001b[39m    b", "ccc  d"]);
    expect(visibleWidth("\u001b[31mab\u001b[39m")).toBe(2);
    expect(clip("abcdef", 4)).toBe("abc…");
  });
});

describe("progress tree", () => {
  it("is a heading and a line per job", () => {
    const lines = progressTree(
      run([
        job("build", { status: JobStatus.SUCCEEDED, startedAtMs: 1_000, finishedAtMs: 2_500 }),
        job("test", { status: JobStatus.RUNNING, startedAtMs: 2_500, attempt: 2, attemptsMax: 3 }),
        job("ship", { status: JobStatus.WAITING, attempt: 0 }),
      ]),
      plainStyle,
      { nowMs: 4_000, frame: 0, rowsMax: 20 },
    );
    expect(lines).toEqual([
      "demo r-1  running  3.0 s  1 of 3 done, 1 running",
      "  + build  1.5 s",
      "  > test   1.5 s  attempt 2 of 3",
      "  . ship",
    ]);
  });

  it("never grows beyond the rows it was given, and shows what matters first", () => {
    const jobs = Array.from({ length: 2_000 }, (_, i) =>
      job(`j${i}`, { status: i === 1_500 ? JobStatus.RUNNING : JobStatus.SUCCEEDED }),
    );
    const lines = progressTree(run(jobs), plainStyle, { nowMs: 2_000, frame: 0, rowsMax: 10 });
    expect(lines).toHaveLength(9);
    expect(lines.join("\n")).toContain("> j1500");
    expect(lines.at(-1)).toContain("more");
  });
});

describe("summary", () => {
  it("tells how each job ended, the outputs, and the whole", () => {
    const view = run(
      [
        job("build", { status: JobStatus.SUCCEEDED, startedAtMs: 1_000, finishedAtMs: 3_000 }),
        job("lint", {
          status: JobStatus.FAILED,
          startedAtMs: 1_000,
          finishedAtMs: 1_500,
          reason: "exit code 3",
          continueOnError: true,
        }),
        job("ship", { status: JobStatus.SKIPPED, reason: "needs build" }),
      ],
      { status: RunStatus.SUCCEEDED, finishedAtMs: 4_000 },
    );
    view.outputs["sha"] = "abc";
    expect(summary(view, plainStyle, 9_000)).toEqual([
      "+ build  succeeded  2.0 s",
      "x lint   failed     500 ms  failure allowed, exit code 3",
      "- ship   skipped            needs build",
      "",
      "outputs",
      "  sha  abc",
      "",
      "demo r-1 succeeded in 3.0 s (3 of 3 done, 1 failed)",
    ]);
  });

  it("tells what jobs used, where somebody counted", () => {
    const usage = {
      cpuMs: 1_230,
      memoryPeakBytes: 45 * 2 ** 20,
      processesPeak: 3,
      readBytes: 0,
      writtenBytes: 5 * 2 ** 20,
    };
    const times = { startedAtMs: 1_000, finishedAtMs: 3_000 };
    const view = run([
      job("build", { status: JobStatus.SUCCEEDED, ...times, usage }),
      job("lint", { status: JobStatus.SUCCEEDED, ...times }),
    ]);
    expect(summary(view, plainStyle, 9_000).slice(0, 2)).toEqual([
      "+ build  succeeded  2.0 s  cpu 1.2 s, 45 MiB, disk 5 MiB",
      "+ lint   succeeded  2.0 s",
    ]);
  });
});

describe("log lines", () => {
  const piece = (of: string, attempt: number, data: Buffer) => ({
    ...{ job: of, attempt, data },
    ...{ offset: 0, times: [] },
  });

  it("joins pieces, also inside a character, and keeps jobs apart", () => {
    const seen: string[] = [];
    const lines = new LogLines((name, line) => seen.push(`${name}:${line}`));
    const euro = Buffer.from("€");
    lines.write(piece("a", 1, Buffer.concat([Buffer.from("one "), euro.subarray(0, 1)])));
    lines.write(piece("b", 1, Buffer.from("x\ny")));
    lines.write(piece("a", 1, Buffer.concat([euro.subarray(1), Buffer.from("\ntwo\r\nthree")])));
    lines.endAll();
    expect(seen).toEqual(["b:x", "a:one €", "a:two", "a:three", "b:y"]);
  });

  it("knows when each line began, also one that came in pieces", () => {
    const seen: unknown[] = [];
    const lines = new LogLines((_, line, atMs) => seen.push([line, atMs]));
    const of = { job: "a", attempt: 1 };
    const times = [
      { offset: 0, atMs: 1_000 },
      { offset: 6, atMs: 2_000 },
    ];
    lines.write({ ...of, offset: 0, data: Buffer.from("€\nb\nc"), times });
    lines.write({
      ...of,
      offset: 7,
      data: Buffer.from("c\nd"),
      times: [{ offset: 7, atMs: 3_000 }],
    });
    lines.endAll();
    expect(seen).toEqual([
      ["€", 1_000],
      ["b", 1_000],
      ["cc", 2_000],
      ["d", 3_000],
    ]);
  });

  it("starts anew with a new attempt and shows only the last state of a redrawn line", () => {
    const seen: string[] = [];
    const lines = new LogLines((_, line) => seen.push(line));
    lines.write(piece("a", 1, Buffer.from("10%\r50%\r100%\nhalf")));
    lines.write(piece("a", 2, Buffer.from("again\n")));
    expect(seen).toEqual(["100%", "half", "again"]);
  });

  it("lets colours pass, and nothing else that drives a terminal", () => {
    const seen: string[] = [];
    const lines = new LogLines((_, line) => seen.push(line));
    const hostile =
      "\u001b[2J\u001b[H\u001b]0;title\u0007\u001b[?25l\u001bc\u0008\u001b[31mred\u001b[0m\ttab\u009b2J\n";
    lines.write(piece("a", 1, Buffer.from(hostile)));
    expect(seen).toEqual(["\u001b[31mred\u001b[0m\ttab2J"]);
  });

  it("shows a line without end in pieces instead of keeping it", () => {
    let characters = 0;
    const lines = new LogLines((_, line) => {
      characters += line.length;
    });
    for (let i = 0; i < 100; i++) lines.write(piece("a", 1, Buffer.alloc(1_000, 97)));
    expect(characters).toBeGreaterThan(80_000);
    lines.endAll();
    expect(characters).toBe(100_000);
  });
});

describe("live area", () => {
  it("erases exactly what it drew and never what was printed", () => {
    let written = "";
    const area = new LiveArea({ write: (text) => (written += text), rows: 10 });
    area.draw(["1", "2"]);
    area.print("log");
    area.draw(["3"]);
    area.close();
    expect(written.split("\r")).toEqual([
      "\u001b[?25l1\n2\n",
      "\u001b[2A\u001b[0Jlog\n3\n",
      "\u001b[1A\u001b[0J\u001b[?25h",
    ]);
  });
});

describe("presenter", () => {
  const output = (json: boolean) => {
    const text = { value: "" };
    const view = presenter({
      style: plainStyle,
      out: { write: (more: string) => (text.value += more) },
      json,
      quiet: false,
      withTimes: false,
      nowMs: () => 5_000,
    });
    return { view, text };
  };

  it("writes plain lines where there is no terminal", () => {
    const { view, text } = output(false);
    view.apply({ $case: "snapshot", value: run([job("a", { status: JobStatus.QUEUED })]) });
    view.apply({
      $case: "job",
      value: job("a", { status: JobStatus.RUNNING, startedAtMs: 2_000 }),
    });
    view.apply({
      $case: "log",
      value: { job: "a", attempt: 1, offset: 0, data: Buffer.from("hello\n"), times: [] },
    });
    view.apply({
      $case: "job",
      value: job("a", { status: JobStatus.SUCCEEDED, startedAtMs: 2_000, finishedAtMs: 4_000 }),
    });
    const ended = run([], { status: RunStatus.SUCCEEDED, finishedAtMs: 4_000 }).summary;
    if (ended === undefined) throw new Error("a run has a summary");
    view.apply({ $case: "summary", value: ended });
    view.end();
    expect(text.value).toBe(
      [
        "run r-1 of demo, 1 job",
        "> a running",
        "a | hello",
        "+ a succeeded (2.0 s)",
        "",
        "+ a  succeeded  2.0 s",
        "",
        "demo r-1 succeeded in 3.0 s (1 of 1 done)",
        "",
      ].join("\n"),
    );
    expect(exitCodeOf(view.run)).toBe(0);
  });

  it("writes one JSON object a line with --json", () => {
    const { view, text } = output(true);
    view.apply({ $case: "snapshot", value: run([job("a", { status: JobStatus.FAILED })]) });
    view.end();
    const events = text.value
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map((event) => [event["type"], event["status"]])).toEqual([
      ["run", "running"],
      ["job", "failed"],
    ]);
  });

  it.each([
    [RunStatus.SUCCEEDED, 0],
    [RunStatus.FAILED, 1],
    [RunStatus.CANCELLED, 3],
  ])("maps run status %i to exit code %i", (status, code) => {
    expect(exitCodeOf(run([], { status }))).toBe(code);
  });
});

describe("log events", () => {
  const piece = (offset: number, data: Buffer) => ({
    $case: "log" as const,
    value: { job: "a", attempt: 2, offset, data, times: [] },
  });

  it("are text with their place, and never split a character", () => {
    const events = new JsonEvents();
    const bytes = Buffer.from("x€y");
    expect(events.of(piece(7, bytes.subarray(0, 2)))).toEqual([
      { type: "log", job: "a", attempt: 2, offset: 7, text: "x" },
    ]);
    expect(events.of(piece(9, bytes.subarray(2)))).toEqual([
      { type: "log", job: "a", attempt: 2, offset: 8, text: "€y" },
    ]);
    expect(events.rest()).toEqual([]);
  });

  it("tell the rest of a log that ended within a character", () => {
    const events = new JsonEvents();
    expect(events.of(piece(0, Buffer.from("€").subarray(0, 2)))).toEqual([]);
    expect(events.rest()).toEqual([
      { type: "log", job: "a", attempt: 2, offset: 0, text: "\ufffd" },
    ]);
  });
});
