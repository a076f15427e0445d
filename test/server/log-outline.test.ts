/** When bytes came and what logs say of themselves, asked of a real server; the agent is scripted, so its ages are known. */
import { describe, expect, it } from "vitest";
import { type OutlineLogResponse, Severity } from "../../proto/troupe/control/v1/control.ts";
import type { ControlClient } from "../../src/server/index.ts";
import { waitUntil } from "../support/wait-until.ts";
import { obedientAgent } from "./obedient-agent.ts";
import {
  clientOf,
  job,
  newIdentity,
  runningServer,
  runToEnd,
  submission,
} from "./running-server.ts";

const lines = [
  "before\n",
  "::warning file=a.c,line=3,endLine=4::unused\n",
  "::group::Build\n",
  "::error::broken%0Ain two\r\n",
  "::group::Test\n",
  "::stop-commands::quiet\n::error::of another program\n::quiet::\n",
  "ok\n",
  "::endgroup::\n",
  "::group::left open\nx",
];

async function withLog() {
  const server = await runningServer();
  const client = await clientOf(server);
  const identity = await newIdentity(server, client);
  const { agent } = await obedientAgent(server.agentAddress, identity, { work: () => undefined });
  await client.submitRun(submission("r", [job("a"), job("silent")]));
  await waitUntil("both are assigned", () => agent.all("assignment").length === 2);
  const attempt = { runId: "r", job: "a", attempt: 1 };
  const ageOf = (line: number): number => 60_000 - line * 1_000;
  let offset = 0;
  const offsets: number[] = [];
  const sentFromMs = Date.now();
  for (const [line, text] of lines.entries()) {
    agent.log(attempt, offset, text, [{ offset, ageMs: ageOf(line) }]);
    offsets.push(offset);
    offset += text.length;
  }
  agent.result(attempt, { logBytes: offset });
  agent.result({ ...attempt, job: "silent" }, {});
  await runToEnd(client, "r");
  // The server has read its clock somewhere between: a machine that pauses makes this longer, not the test wrong.
  const sentWithinMs = Date.now() - sentFromMs;
  return { client, offsets, end: offset, beganFromMs: sentFromMs - ageOf(0), sentWithinMs };
}

function expectBetween(value: number, from: number, to: number): void {
  expect(value).toBeGreaterThanOrEqual(from);
  expect(value).toBeLessThanOrEqual(to);
}

async function outline(client: ControlClient, of = { job: "", attempt: 0 }) {
  const found: OutlineLogResponse[] = [];
  for await (const item of client.outlineLog({ runId: "r", ...of })) found.push(item);
  return found;
}

describe("a log that is stored", () => {
  it("says when each of its bytes came, as the agent knew it", async () => {
    const { client, offsets, beganFromMs, sentWithinMs } = await withLog();
    const request = { runId: "r", job: "a", attempt: 0, follow: false, times: true };
    for (const from of [0, (offsets[3] ?? 0) + 2]) {
      const times: { offset: number; atMs: number }[] = [];
      for await (const piece of client.readLog({ ...request, offset: from })) {
        times.push(...piece.times);
      }
      const first = offsets.findLastIndex((offset) => offset <= from);
      expect(times.map(({ offset }) => offset)).toEqual(offsets.slice(first));
      for (const [index, { atMs }] of times.entries()) {
        const soonestMs = beganFromMs + (first + index) * 1_000;
        expectBetween(atMs, soonestMs, soonestMs + sentWithinMs);
        const before = times[index - 1]?.atMs ?? 0;
        if (before > 0) expect(atMs - before).toBeGreaterThanOrEqual(900);
      }
    }
    const unasked: number[] = [];
    for await (const { times } of client.readLog({ ...request, offset: 0, times: false })) {
      unasked.push(times.length);
    }
    expect(unasked.every((count) => count === 0)).toBe(true);
    const found: number[] = [];
    const search = { ...request, offset: 0, search: "other prog" };
    for await (const piece of client.readLog(search)) found.push(piece.times[0]?.offset ?? -1);
    expect(found).toEqual([offsets[5]]);
  });

  it("lists its annotations and groups, with their place and time", async () => {
    const { client, offsets, end, beganFromMs, sentWithinMs } = await withLog();
    const found = await outline(client);
    expect(found.every((item) => item.job === "a" && item.attempt === 1)).toBe(true);
    const items = found.map(({ item }) => item);
    const [warning, error, build, test, open] = items.map((item) => item?.value);
    expect(items.map((item) => item?.$case)).toEqual([
      ...["annotation", "annotation", "group", "group", "group"],
    ]);
    expect(warning).toMatchObject({
      ...{ severity: Severity.WARNING, message: "unused", file: "a.c", line: 3, endLine: 4 },
      ...{ group: "", offset: offsets[1] },
    });
    expect(error).toMatchObject({
      ...{ severity: Severity.ERROR, message: "broken\nin two", group: "Build" },
      offset: offsets[3],
    });
    expect(build).toMatchObject({ title: "Build", offset: offsets[2], endOffset: offsets[4] });
    expect(test).toMatchObject({ title: "Test", offset: offsets[4], endOffset: offsets[7] });
    expect(open).toMatchObject({ title: "left open", offset: offsets[8], endOffset: end });
    const group = items[3]?.$case === "group" ? items[3].value : undefined;
    expect((group?.endedAtMs ?? 0) - (group?.beganAtMs ?? 0)).toBeGreaterThanOrEqual(2_700);
    const soonestMs = beganFromMs + 4_000;
    expectBetween(group?.beganAtMs ?? 0, soonestMs, soonestMs + sentWithinMs);
  });

  it("has none where the job said none, and an attempt wants its job", async () => {
    const { client } = await withLog();
    expect(await outline(client, { job: "silent", attempt: 0 })).toEqual([]);
    expect(await outline(client, { job: "a", attempt: 1 })).toHaveLength(5);
    await expect(outline(client, { job: "", attempt: 1 })).rejects.toThrow(/the job whose attempt/);
    await expect(outline(client, { job: "a", attempt: 2 })).rejects.toThrow(/has had 1 attempts/);
    await expect(outline(client, { job: "b", attempt: 0 })).rejects.toMatchObject({
      code: "TROUPE_JOB_NOT_FOUND",
    });
  });
});
