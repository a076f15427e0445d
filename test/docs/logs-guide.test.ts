/** The pipeline and the commands of docs/logs.md, taken from its text and run. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startServer, temporaryFolder, troupe, troupeJson } from "../support/troupe-process.ts";
import { codeBlocks } from "./code-blocks.ts";

const blocks = codeBlocks().filter(({ place }) => place.startsWith(join("docs", "logs.md")));

function block(language: string): string {
  const [found] = blocks.filter((each) => each.language === language);
  if (found === undefined) throw new Error(`docs/logs.md has no ${language} block`);
  return found.code;
}

it("groups, annotations and search are as docs/logs.md shows them", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  await startServer({ data, agents: 1 });
  const options = { cwd: folder, env: { TROUPE_DATA: data } };
  writeFileSync(join(folder, "report.yaml"), block("yaml"));
  const submitted = await troupe(["submit", "report.yaml"], options);
  expect(submitted).toMatchObject({ code: 0 });
  const runId = submitted.stdout.trim().split(/\s+/).at(-1) ?? "";

  const lines = block("sh")
    .trim()
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").replace("RUN", runId));
  const outputs = new Map<string, string>();
  const tell = async (line: string): Promise<void> => {
    const [program, ...args] = line.split(" ");
    expect(program).toBe("troupe");
    const { code, stdout, stderr } = await troupe(args, options);
    expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: "" });
    outputs.set(args.slice(0, 1).concat(args.slice(3)).join(" "), stdout);
  };
  // The first one waits for the run's end.
  await tell(lines.shift() ?? "");
  await Promise.all(lines.map(tell));

  const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;
  const stamped = outputs.get("logs --timestamps")?.trimEnd().split("\n") ?? [];
  expect(stamped.every((each) => stamp.test(each))).toBe(true);
  expect(stamped.map((each) => `${each.replace(stamp, "")}\n`).join("")).toBe(outputs.get("logs"));
  expect(outputs.get("logs --group Compile")).toBe(
    "::group::Compile\ncc main.c\n::warning file=main.c,line=12::unused variable n\n",
  );
  expect(outputs.get("groups")).toMatch(/^OFFSET +BYTES +TOOK +GROUP\n0 +\d+ .*Compile\n$/);
  expect(outputs.get("annotations")).toBe("build: warning: main.c:12: unused variable n\n");
  const asJson = ["annotations", runId, "build", "--severity", "warning"];
  const [json] = await troupeJson<object>(asJson, options);
  expect(json).toMatchObject({ job: "build", file: "main.c", line: 12, group: "Compile" });
  const timed = await troupe(["watch", runId, "-t"], options);
  expect(timed.stdout).toMatch(/^build \| \d{4}-\S+Z   cc main\.c$/m);

  const watched = outputs.get("watch") ?? "";
  for (const line of block("text").trim().split("\n")) expect(watched).toContain(line);
  expect(watched).not.toContain("::");
  const whole = outputs.get("logs") ?? "";
  expect(whole).toContain("::group::Compile\n");
  for (const way of ["--grep", "--search"]) {
    expect(outputs.get(`logs ${way} unused`)).toBe(
      "::warning file=main.c,line=12::unused variable n\n",
    );
  }
  expect(outputs.get("logs --follow --offset 0")).toBe(whole);
  for (const way of ["--grep", "--search"]) {
    const none = await troupe(["logs", runId, "build", way, "nothing like it"], options);
    expect(none).toMatchObject({ code: 1, stdout: "" });
  }
  const wrong = await troupe(["logs", runId, "build", "--grep", "("], options);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("--grep wants a regular expression");
});
