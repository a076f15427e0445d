/** Leases on real processes: what a job itself can witness of them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readPipelineYaml } from "../../src/actors/pipelines/index.ts";
import { systemClock } from "../../src/agent/clock.ts";
import { startAgent } from "../../src/agent/index.ts";
import { clientOf, runningServer } from "../server/running-server.ts";
import { BadNetwork } from "../support/bad-network.ts";
import {
  runEnded,
  start,
  startAgent as startAgentProcess,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n").filter(Boolean);

it("an exclusive group under a cut of more than twice the lease: never two at once", async () => {
  const folder = temporaryFolder();
  const [witness, go] = [join(folder, "witness"), join(folder, "go")];
  writeFileSync(witness, "");
  const leaseMs = 1_500;
  const server = await runningServer({ leaseMs, leaseGraceMs: 1_500 });
  const client = await clientOf(server);
  const network = await BadNetwork.start({ target: server.agentAddress });
  onTestFinished(() => network.stop());
  const agent = async (name: string, address: string): Promise<void> => {
    const { token } = await client.createToken({ ttlMs: 0, labels: {} });
    const state = join(folder, name);
    const args = ["agent", "--server", address, "--name", name, "--state-dir", state];
    start(args, { env: { TROUPE_TOKEN: token } });
  };
  // The jobs exclude one another only in so far as Troupe does it: the lock tells when it did not.
  const pipelineJson = JSON.stringify(
    readPipelineYaml(
      `name: exclusive
concurrency: only-one
jobs:
  alone:
    kill-grace: 1m
    run: |
      trap : TERM
      exec 9>>${join(folder, "lock")}
      flock -n 9 || { echo "two at once: $TROUPE_RUN_ID $TROUPE_ATTEMPT" >> ${witness}; exit 9; }
      echo "begins $TROUPE_RUN_ID $TROUPE_ATTEMPT" >> ${witness}
      while [ ! -e ${go} ]; do sleep 0.05 || true; done
      echo "ends $TROUPE_RUN_ID $TROUPE_ATTEMPT" >> ${witness}
`,
      { file: "exclusive.yaml" },
    ),
  );
  const submit = (runId: string) =>
    client.submitRun({ runId, pipelineJson, parameters: {}, priority: 0 });
  await agent("far", network.address);
  await submit("r1");
  await waitUntil("the far agent runs it", () => linesOf(witness).includes("begins r1 1"));
  await submit("r2");
  await agent("near", server.agentAddress);

  network.freeze();
  await waitUntil("the near agent runs it", () => linesOf(witness).includes("begins r1 2"));
  network.heal();
  writeFileSync(go, "");
  await waitUntil("both runs have ended", () => linesOf(witness).includes("ends r2 1"));
  expect(linesOf(witness)).toEqual([
    "begins r1 1",
    "begins r1 2",
    "ends r1 2",
    "begins r2 1",
    "ends r2 1",
  ]);
});

it("the server is away for more than three leases: nothing that runs starts again", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const [witness, ticks, go] = ["witness", "ticks", "go"].map((name) => join(folder, name));
  const file = join(folder, "pipeline.yaml");
  writeFileSync(
    file,
    `name: patient
jobs:
  patient:
    run: |
      echo "begins $TROUPE_ATTEMPT" >> ${witness}
      while [ ! -e ${go} ]; do echo tick >> ${ticks}; sleep 0.1; done
`,
  );
  const args = ["--lease", "500"];
  const server = await startServer({ data, args });
  await startAgentProcess(server, { name: "outside", args: ["--slots", "2"] });
  expect(await troupe(["submit", file, "--data", data, "--id", "r1"])).toMatchObject({ code: 0 });
  await waitUntil("the job runs", () => existsSync(ticks ?? ""));
  await server.kill9();
  const before = linesOf(ticks ?? "").length;
  // Each tick takes a tenth of a second at least.
  await waitUntil("three leases have passed", () => linesOf(ticks ?? "").length >= before + 20);
  await startServer({ data, args, listen: server.address });
  writeFileSync(go ?? "", "");
  const events = await runEnded(data, "r1");
  expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
  expect(linesOf(witness ?? "")).toEqual(["begins 1"]);
});

it.each([-86_400_000, 86_400_000])("an agent whose clock is off by %d ms", async (offMs) => {
  const folder = temporaryFolder();
  const server = await runningServer({ leaseMs: 1_000 });
  const client = await clientOf(server);
  const { token } = await client.createToken({ ttlMs: 0, labels: {} });
  const agent = await startAgent({
    server: server.agentAddress,
    token,
    name: "elsewhen",
    stateDir: join(folder, "state"),
    clock: {
      nowMs: () => systemClock.nowMs() + offMs,
      monotonicMs: () => systemClock.monotonicMs() + offMs,
      setTimer: (delayMs, fire) => systemClock.setTimer(delayMs, fire),
    },
  });
  onTestFinished(async () => {
    await agent.stop();
  });
  const pipelineJson = JSON.stringify(
    // Longer than a lease, so that it must be renewed.
    readPipelineYaml("jobs:\n  a:\n    on-disconnect: kill\n    run: sleep 1.5\n", {
      file: "a.yaml",
    }),
  );
  const startedMs = Date.now();
  await client.submitRun({ runId: "r1", pipelineJson, parameters: {}, priority: 0 });
  const ended = await waitUntil("the run has ended", async () => {
    const { run } = await client.getRun({ runId: "r1" });
    return run?.jobs[0]?.finishedAtMs ? run.jobs[0] : undefined;
  });
  expect(ended).toMatchObject({ attempt: 1, reason: "" });
  // The run's times are the server's.
  expect(Math.abs((ended.startedAtMs ?? 0) - startedMs)).toBeLessThan(60_000);
});
