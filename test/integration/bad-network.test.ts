/**
 * A bad network between server and agent, and both killed by `kill -9`, on real processes: every byte
 * of a log once and in order, in the store and at everyone who follows it; every result once.
 * `TROUPE_NETWORK_LINES` and `TROUPE_NETWORK_CUTS` give the full size.
 */
import { createHash, type Hash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { connectControl } from "../../src/server/index.ts";
import { BadNetwork, type Fault } from "../support/bad-network.ts";
import {
  createToken,
  runEnded,
  start,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const lines = Number(process.env["TROUPE_NETWORK_LINES"] ?? 40_000);
const cuts = Number(process.env["TROUPE_NETWORK_CUTS"] ?? 5);

const lineOf = (number: number): string =>
  `line ${String(number).padStart(7, "0")} of a job that has a great many things to say, one after another\n`;

it(`${lines} lines, ${cuts} cuts, server and agent killed: each byte once, in order, everywhere`, async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const witness = join(folder, "witness");
  const expected = Buffer.from(Array.from({ length: lines }, (_, i) => lineOf(i + 1)).join(""));
  writeFileSync(witness, "");
  const file = join(folder, "pipeline.yaml");
  // So many lines, then the next cut must have come before there are more.
  const part = lines / cuts;
  const go = join(folder, "go");
  const format = lineOf(0).trimEnd().replace("0000000", "%07.0f");
  writeFileSync(
    file,
    `name: talkative
jobs:
  talk:
    run: |
      echo "begins $TROUPE_ATTEMPT" >> ${witness}
      part=0
      while [ $part -lt ${cuts} ]; do
        seq -f '${format}' $((part * ${part} + 1)) $(((part + 1) * ${part}))
        part=$((part + 1))
        while [ ! -e ${go}.$part ]; do sleep 0.05; done
      done
      echo "ends $TROUPE_ATTEMPT" >> ${witness}
`,
  );
  const args = ["--lease", "3000"];
  const server = await startServer({ data, args });
  const network = await BadNetwork.start({
    target: server.address,
    faults: Array.from({ length: cuts }, (_, index) => faultOf(index)),
    // Slow enough that a cut finds bytes on their way.
    bytesPerSecond: expected.length / cuts,
    onFault: (count) => writeFileSync(`${go}.${count}`, ""),
  });
  onTestFinished(() => network.stop());
  const agentArgs = await dialling(network, { data, folder });
  const agent = start(agentArgs.args, agentArgs.options);
  const submitted = await troupe(["submit", file, "--data", data, "--id", "r1"]);
  expect(submitted).toMatchObject({ code: 0 });
  const followers = [1, 1, 2, 2, 2].map((attempt) => new Follower(data, attempt));
  const followed = followers.map((follower) => follower.toTheEnd());

  await waitUntil("a third of the cuts", () => network.faults >= cuts * 0.3, { deadlineMs });
  await agent.kill9();
  start(agentArgs.args, agentArgs.options);
  await waitUntil("two thirds of the cuts", () => network.faults >= cuts * 0.6, { deadlineMs });
  await server.kill9();
  const restarted = await startServer({ data, args, listen: server.address });

  const events = await runEnded(data, "r1", { deadlineMs });
  expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
  expect(events.find(({ job }) => job === "talk")).toMatchObject({ attempt: 2 });
  expect(network.faults).toBe(cuts);
  const job = "talk";
  const stored = [
    await storedLog(data, { job, attempt: 1 }),
    await storedLog(data, { job, attempt: 2 }),
  ] as const;
  expect(stored[1].equals(expected)).toBe(true);
  expect(expected.subarray(0, stored[0].length).equals(stored[0])).toBe(true);
  await Promise.all(followed);
  for (const { attempt, bytes, hash } of followers) {
    const log = attempt === 1 ? stored[0] : stored[1];
    expect({ attempt, bytes }).toEqual({ attempt, bytes: log.length });
    expect(hash.copy().digest("hex")).toBe(sha256(log));
  }
  const witnessed = readFileSync(witness, "utf8").trim().split("\n");
  expect(witnessed.filter((line) => line.endsWith("2"))).toEqual(["begins 2", "ends 2"]);
  restarted.signal("SIGTERM");
  await restarted.ended();
  expect(timesInJournal(data, "jobFinished")).toBe(1);
}, 3_600_000);

it("short jobs while links break every few messages: each runs once and ends once", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const witness = join(folder, "witness");
  writeFileSync(witness, "");
  const jobs = Array.from({ length: 60 }, (_, i) => `j${i}`);
  const file = join(folder, "pipeline.yaml");
  writeFileSync(
    file,
    `name: many\njobs:\n${jobs
      .map((job) => `  ${job}:\n    run: echo ${job} | tee -a ${witness}\n`)
      .join("")}`,
  );
  const server = await startServer({ data });
  const faults: readonly Fault["kind"][] = ["half", "late", "cut"];
  const network = await BadNetwork.start({
    target: server.address,
    delayMs: 5,
    faults: Array.from({ length: 5 }, (_, index) => ({
      kind: faults[index % faults.length] ?? "cut",
      // Beyond what an enrolment takes.
      afterBytes: 700 + 97 * ((index * 7) % 12),
    })),
  });
  onTestFinished(() => network.stop());
  const agent = await dialling(network, { data, folder });
  start([...agent.args, "--slots", "4"], agent.options);
  expect(await troupe(["submit", file, "--data", data, "--id", "r1"])).toMatchObject({ code: 0 });

  const events = await runEnded(data, "r1", { deadlineMs });
  expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
  expect(events.filter(({ type, attempt }) => type === "job" && attempt === 1)).toHaveLength(60);
  expect(network.faults).toBe(5);
  expect(readFileSync(witness, "utf8").trim().split("\n").sort()).toEqual([...jobs].sort());
  for (const job of jobs) {
    expect((await storedLog(data, { job, attempt: 1 })).toString()).toBe(`${job}\n`);
  }
  server.signal("SIGTERM");
  await server.ended();
  expect(timesInJournal(data, "jobFinished")).toBe(60);
});

const deadlineMs = Math.max(60_000, cuts * 20_000);

/** All four kinds in turn; the bytes of the log decide when, and no link dies young. */
function faultOf(index: number): Fault {
  const kinds: readonly Fault["kind"][] = ["cut", "half", "late", "cut", "half-open"];
  const kind = kinds[index % kinds.length] ?? "cut";
  // A dial that is cut before its hello now and then.
  if (index % 11 === 7) return { kind: "late", afterBytes: 150 };
  return { kind, afterBytes: 1_000 + 13 * index, afterMs: 1_500 };
}

async function dialling(network: BadNetwork, at: { data: string; folder: string }) {
  const token = await createToken(at.data);
  const state = join(at.folder, "state");
  const args = ["agent", "--server", network.address, "--name", "far", "--state-dir", state];
  return { args, options: { env: { TROUPE_TOKEN: token } } };
}

async function storedLog(
  dataDir: string,
  of: { readonly job: string; readonly attempt: number },
): Promise<Buffer> {
  const client = await connectControl({ dataDir });
  const pieces: Buffer[] = [];
  const request = { runId: "r1", ...of, offset: 0, follow: false };
  for await (const { data } of client.readLog(request)) pieces.push(data);
  client.close();
  return Buffer.concat(pieces);
}

/** Reads one attempt's log as it comes; after whatever breaks it goes on from where it was. */
class Follower {
  readonly attempt: number;
  readonly hash: Hash = createHash("sha256");
  readonly #data: string;
  bytes = 0;

  constructor(data: string, attempt: number) {
    this.#data = data;
    this.attempt = attempt;
  }

  async toTheEnd(): Promise<void> {
    await waitUntil(`attempt ${this.attempt} is followed`, () => this.#follow(), {
      deadlineMs: deadlineMs * 2,
    });
  }

  /** Whether it came to the end; false = once more. */
  async #follow(): Promise<boolean> {
    const client = await connectControl({ dataDir: this.#data }).catch(() => undefined);
    if (client === undefined) return false;
    const request = { runId: "r1", job: "talk", attempt: this.attempt, offset: this.bytes };
    try {
      for await (const { offset, data } of client.readLog({ ...request, follow: true })) {
        if (offset !== this.bytes) throw new Error(`got ${offset}, expected ${this.bytes}`);
        this.hash.update(data);
        this.bytes += data.length;
      }
      return true;
    } catch (error) {
      if (error instanceof Error && error.message.startsWith("got ")) throw error;
      return false;
    } finally {
      client.close();
    }
  }
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function timesInJournal(data: string, type: string): number {
  const files = readdirSync(data, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && !file.parentPath.includes("logs"))
    .map((file) => readFileSync(join(file.parentPath, file.name)).toString("latin1"))
    .reduce((count, text) => count + text.split(type).length - 1, 0);
}
