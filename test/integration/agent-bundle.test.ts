/** The agent as it ships: one small file that needs nothing beside it but Node.js. */
import { spawn } from "node:child_process";
import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createToken, startServer, temporaryFolder, troupe } from "../support/troupe-process.ts";

const bundle = new URL("../../dist/troupe-agent.js", import.meta.url).pathname;
const bytesMax = 800 * 1024;

it("is small, and holds nothing of the server", () => {
  expect(statSync(bundle).size).toBeLessThan(bytesMax);
  const text = readFileSync(bundle, "utf8");
  // Words of the server's own: its error codes, its journal, its other services.
  for (const word of [
    "TROUPE_JOURNAL",
    "pipeline-run",
    "kafkajs",
    "troupe.control.v1",
    "ioredis",
  ]) {
    expect(text).not.toContain(word);
  }
  expect(readFileSync(bundle.replace(".js", ".licenses.txt"), "utf8")).toContain("@grpc/grpc-js");
});

it("runs jobs from a folder that holds nothing else", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const server = await startServer({ data });
  const token = await createToken(data);
  const alone = join(temporaryFolder(), "troupe-agent.mjs");
  copyFileSync(bundle, alone);
  const args = [
    "--server",
    server.address,
    "--state-dir",
    join(folder, "state"),
    "--name",
    "alone",
  ];
  const agent = spawn(process.execPath, [alone, ...args], {
    env: { PATH: process.env["PATH"], HOME: folder, TROUPE_TOKEN: token },
    stdio: "ignore",
  });
  onTestFinished(() => void agent.kill("SIGKILL"));
  const file = join(folder, "p.yaml");
  writeFileSync(
    file,
    'name: one\njobs:\n  a:\n    run: echo "by $TROUPE_AGENT_NAME" >f && cat f\n    artifacts: f\n  b:\n    needs: a\n    run: cat f\n',
  );
  const run = await troupe(["submit", file, "--data", data, "--watch"]);
  expect(run).toMatchObject({ code: 0 });
  expect(run.stdout).toContain("b | by alone");
});
