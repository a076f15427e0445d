/** The whole line in real processes: a job, its agent, and a server that stores what the job prints. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { definePipeline } from "../../src/actors/pipelines/index.ts";
import { type ControlClient, connectControl } from "../../src/server/index.ts";
import { type Child, startChild, usageOf } from "./child.ts";
import { secretNames } from "./secrets.ts";
import type { ServerFigures } from "./server-process.ts";
import { lineBytes } from "./ways.ts";

export interface LineUsage {
  readonly messages: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly serverPeakBytes: number;
  readonly agentPeakBytes: number;
  readonly serverMemoryBytes: number;
  readonly agentMemoryBytes: number;
}

/** Lines in the file that a job prints again and again. */
const blockLines = 100_000;

export class Line {
  readonly client: ControlClient;
  readonly #folder: string;
  readonly #dataDir: string;
  readonly #server: Child;
  readonly #agent: ChildProcess;

  private constructor(folder: string, server: Child, agent: ChildProcess, client: ControlClient) {
    this.#folder = folder;
    this.#dataDir = dataFolder(folder);
    this.#server = server;
    this.#agent = agent;
    this.client = client;
    writeFileSync(this.#block, `${"x".repeat(lineBytes - 1)}\n`.repeat(blockLines));
  }

  get #block(): string {
    return join(this.#folder, "lines");
  }

  static async start(): Promise<Line> {
    const folder = mkdtempSync(join(tmpdir(), "troupe-bench-"));
    const dataDir = dataFolder(folder);
    const server = startChild("server-process", [dataDir]);
    const { agentAddress, token } = await server.ask<ServerFigures>({});
    const agent = startAgent(folder, agentAddress, token);
    const client = await connectControl({ dataDir });
    const line = new Line(folder, server, agent, client);
    await line.run("true");
    return line;
  }

  async stop(): Promise<void> {
    this.client.close();
    this.#agent.kill("SIGTERM");
    if (this.#agent.exitCode === null) await once(this.#agent, "exit");
    await this.#server.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * A script that prints lines of 100 bytes, in whole blocks: of all that prints, `cat` takes the least of the
   * processor time that is to be left to those who are measured.
   */
  printing(lines: number): string {
    if (lines % blockLines !== 0) throw new Error(`${lines} lines are no whole blocks`);
    return `for n in $(seq ${lines / blockLines}); do cat '${this.#block}'; done`;
  }

  /** A place in the folder of this line. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  /** One more connection, as that of another person. */
  connect(): Promise<ControlClient> {
    return connectControl({ dataDir: this.#dataDir });
  }

  async usage(): Promise<LineUsage> {
    const server = await this.#server.ask<ServerFigures>({});
    const agent = usageOf(this.#agent.pid ?? 0);
    return {
      messages: server.messages,
      bytes: server.bytes,
      cpuMs: server.cpuMs + agent.cpuMs,
      serverPeakBytes: server.memoryPeakBytes,
      agentPeakBytes: agent.memoryPeakBytes,
      serverMemoryBytes: server.memoryBytes,
      agentMemoryBytes: agent.memoryBytes,
    };
  }

  /** Starts a run of one job that has the ten secrets. */
  async submit(script: string, shell: "bash" | "node" = "bash"): Promise<string> {
    const { definition } = definePipeline("log", {}, (pipeline) => {
      const env = Object.fromEntries(secretNames.map((name) => [name, pipeline.secret(name)]));
      pipeline.job("print", { run: script, shell, env });
      return {};
    });
    const pipelineJson = JSON.stringify(definition);
    const request = { runId: "", pipelineJson, parameters: {}, priority: 0 };
    return (await this.client.submitRun(request)).runId;
  }

  /** From the process's start to its end, as the agent timed it; the log is stored by then. */
  async ended(runId: string): Promise<number> {
    for await (const { change } of this.client.watchRun({ runId, logs: false })) {
      // Read to its end: the stream closes when the run has ended.
      if (change === undefined) break;
    }
    const { run } = await this.client.getRun({ runId });
    const job = run?.jobs[0];
    if (job === undefined || job.exitCode !== 0 || job.reason !== "") {
      throw new Error(`the job did not succeed: ${job?.reason ?? "it is not there"}`);
    }
    return job.finishedAtMs - job.startedAtMs;
  }

  async run(script: string): Promise<number> {
    return this.ended(await this.submit(script));
  }
}

function dataFolder(folder: string): string {
  return join(folder, "data");
}

function startAgent(folder: string, address: string, token: string): ChildProcess {
  // The agent as it ships; from source, this file's own loader runs it.
  const built = !import.meta.url.endsWith(".ts");
  const program = built ? "../../src/agent/main.js" : "../../src/agent/main.ts";
  const path = fileURLToPath(new URL(program, import.meta.url));
  const args = [...process.execArgv, path, "--server", address, "--name", "bench"];
  const agent = spawn(process.execPath, [...args, "--state-dir", join(folder, "agent")], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, TROUPE_TOKEN: token },
  });
  return agent;
}
