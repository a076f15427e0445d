/**
 * The steps of docs/agents.md, taken from its text and done: a server, a token, an agent, a job. Only
 * the port and the folders are the test's own.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  start,
  startServer,
  temporaryFolder,
  troupe,
  troupeJson,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";
import { codeBlocks, root } from "./code-blocks.ts";

const place = join("docs", "agents.md");
const blocks = codeBlocks().filter((block) => block.place.startsWith(place));
const shellLines = blocks
  .filter((block) => block.language === "sh")
  .flatMap((block) => block.code.split("\n"))
  .map((line) => line.replace(/\s+#.*$/, ""))
  .filter((line) => line.startsWith("troupe "));

function line(beginning: string): string[] {
  const found = shellLines.filter((text) => text.startsWith(`troupe ${beginning}`));
  expect(found, `one line of ${place} that begins with troupe ${beginning}`).toHaveLength(1);
  const words = (found[0] as string).replace(/ > \w+$/, "").match(/"[^"]*"|\S+/g) ?? [];
  return words.slice(1).map((word) => word.replaceAll('"', ""));
}

it("an agent is let in, seen, and given a job", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const [, ...serverFlags] = line("dev");
  expect(serverFlags).toEqual([
    ...["--agents", "0", "--listen", "0.0.0.0:7447"],
    ...["--advertise", "ci.example.org"],
  ]);
  const args = ["--advertise", "localhost"];
  const server = await startServer({ data, agents: 0, listen: "0.0.0.0:0", args });
  const env = { TROUPE_DATA: data };

  const token = await troupe(line("token create"), { env });
  expect(token).toMatchObject({ code: 0 });
  writeFileSync(join(folder, "token"), token.stdout);

  const agentArgs = line("agent").map((word) =>
    word === "ci.example.org:7447" ? server.address : word,
  );
  const agent = start(agentArgs, { cwd: folder, env: { HOME: folder } });
  await waitUntil("the agent is listed with its label", async () => {
    const { stdout } = await troupe(["workers"], { env });
    return /build-1.*idle/.test(stdout) && stdout.includes("disk=ssd");
  });
  expect(shellLines).toContain("troupe workers");

  const pipeline =
    "name: p\njobs:\n  a:\n    labels: { disk: ssd }\n    run: echo from $TROUPE_AGENT_NAME\n";
  writeFileSync(join(folder, "pipeline.yaml"), pipeline);
  const submitted = await troupe(line("submit"), { cwd: folder, env });
  expect(submitted).toMatchObject({ code: 0 });
  await waitUntil("the run has succeeded", async () => {
    const { stdout } = await troupe(["ps"], { env });
    return /\bp\b.*succeeded/.test(stdout);
  });

  const [worker] = await troupeJson<{ workerId: string }>(["workers", "--data", data]);
  const named = (words: string[]) =>
    words.map((word) => (word === "agent-1234" ? (worker?.workerId ?? "") : word));
  expect(await troupe(named(line("workers deny")), { env })).toMatchObject({ code: 0 });
  expect(await agent.ended()).toBe(3);
  expect(await troupe(named(line("workers allow")), { env })).toMatchObject({ code: 0 });
  expect((await troupe(line("audit"), { env })).stdout).toContain("its disk was sold");
  expect(shellLines).toContain("troupe authority");
  expect((await troupe(["authority"], { env })).stdout).toMatch(/agents, servers/);
  expect((await troupe(line("authority rotate"), { env })).stdout).toMatch(/agents\n.*servers/);
});

it("the image is made of files that the package has, and begins with the init", () => {
  const image = blocks.find((block) => block.language === "dockerfile")?.code ?? "";
  const [, copied = ""] = /^COPY (.*) \/opt\/troupe\/$/m.exec(image) ?? [];
  const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    files: string[];
  };
  for (const file of copied.split(" ")) expect(files).toContain(file);
  expect(image).toContain('ENTRYPOINT ["/opt/troupe/troupe-agent-init"]');
  const folder = temporaryFolder();
  execFileSync("cp", [...copied.split(" "), folder], { cwd: root });
  const init = join(folder, "troupe-agent-init");
  const help = execFileSync(init, ["--help"], { encoding: "utf8" });
  const run = blocks.find(({ code }) => code.startsWith("docker run"))?.code ?? "";
  const [, agentFlags = ""] = run.split("IMAGE");
  const flags = agentFlags.match(/--[a-z-]+/g) ?? [];
  expect(flags.length).toBe(4);
  for (const flag of flags) expect(help).toContain(flag);
});

it("the systemd unit is one that systemd takes, and its flags exist", () => {
  const unit = blocks.find((block) => block.language === "ini")?.code ?? "";
  const exec = /^ExecStart=(\S+) ((?:.*\\\n)*.*)$/m.exec(unit);
  const flags = [...(exec?.[2] ?? "").matchAll(/--[a-z-]+/g)].map(([flag]) => flag);
  expect(flags.length).toBeGreaterThan(4);
  const agent = join(root, "dist/src/agent/main.js");
  const help = execFileSync(process.execPath, [agent, "--help"], { encoding: "utf8" });
  for (const flag of flags) expect(help).toContain(flag);
  expect(unit).toContain("KillMode=mixed");
  const documented = readFileSync(join(root, place), "utf8");
  for (const code of [0, 1, 2, 3, 4, 5]) expect(documented).toMatch(new RegExp(`\\b${code} `));
});
