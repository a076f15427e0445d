import { describe, expect, test } from "vitest";
import { JobLog } from "../../src/agent/job-log.ts";

function logged(bytesMax: number, pieces: readonly string[], secrets = {}): string {
  const out: Buffer[] = [];
  const log = new JobLog(secrets, (bytes) => out.push(Buffer.from(bytes)), bytesMax);
  for (const piece of pieces) log.push(Buffer.from(piece));
  log.end();
  return Buffer.concat(out).toString();
}

describe("a log's size limit", () => {
  test("lets what fits pass, to the last byte", () => {
    expect(logged(8, ["one\n", "two\n"])).toBe("one\ntwo\n");
  });

  test.each([
    [["one\n", "two\n", "three\n"], "one\ntw\n", 8],
    [["one\ntwo\nthree\n"], "one\ntw\n", 8],
    [["one\ntw", "o\n", "three\n"], "one\ntw\n", 8],
  ])("marks the cut once, in whatever pieces it came: %j", (pieces, kept, dropped) => {
    expect(logged(6, pieces)).toBe(
      `${kept}troupe: this log is cut here: it has reached its limit of 6 bytes\n` +
        `troupe: ${dropped} more bytes were printed and are not in this log\n`,
    );
  });

  test("counts what is left after masking, and cuts no secret open", () => {
    const secrets = { TOKEN: "correct-horse" };
    const text = logged(10, ["say correct-", "horse and more\n"], secrets);
    expect(text.split("\n")[0]).toBe("say *** an");
    expect(text).not.toContain("horse");
  });
});
