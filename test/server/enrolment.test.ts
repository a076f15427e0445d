import { status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type Clock,
  isTroupeError,
  type Logger,
  silentLogger,
  systemClock,
  systemRandom,
} from "../../src/actors/kernel/index.ts";
import { createSystem } from "../../src/actors/system/index.ts";
import { createEnrolment, type Enrolment } from "../../src/server/enrolment.ts";
import { agentServiceBench } from "./agent-service-bench.ts";
import { enroll, ScriptedAgent } from "./scripted-agent.ts";

interface Bench {
  readonly enrolment: Enrolment;
  readonly clock: Clock & { ahead(ms: number): void };
  readonly lines: string[];
}

/** Real entities on a journal in memory, and a wall clock that can be put ahead. */
async function bench(): Promise<Bench> {
  let aheadMs = 0;
  const clock = {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + aheadMs,
    ahead: (ms: number) => {
      aheadMs += ms;
    },
  };
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (line) => lines.push(line) };
  const system = await createSystem({ name: "enrolment", clock, logger: silentLogger });
  onTestFinished(() => system.stop());
  const enrolment = createEnrolment({ system, clock, random: systemRandom, logger });
  return { enrolment, clock, lines };
}

const someone = { agentName: "a", labels: {}, version: "1" };

async function refusal(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isTroupeError(error)) throw new Error(`expected a refusal, got ${String(error)}`);
  return [error.code, error.details];
}

describe("a token", () => {
  it("lets one agent in, with what is bound to it", async () => {
    const { enrolment } = await bench();
    const { token, agentId } = await enrolment.createToken({ labels: { zone: "a" } });
    expect(token).toMatch(/^troupe_[\w-]{43}$/);
    const enrolled = await enrolment.enrol({
      token,
      agentName: "mill",
      labels: { zone: "b", own: "1" },
      version: "1",
    });
    expect(enrolled).toMatchObject({
      agentId,
      agentName: "mill",
      labels: { zone: "a", own: "1" },
    });
    const authorization = `Bearer ${agentId}.${enrolled.credential}`;
    expect(await enrolment.authenticate(authorization)).toEqual({
      agentId,
      agentName: "mill",
      labels: { zone: "a", own: "1" },
    });
  });

  it("is used up by the first success", async () => {
    const { enrolment, lines } = await bench();
    const { token } = await enrolment.createToken();
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, () => enrolment.enrol({ token, ...someone })),
    );
    expect(tries.filter((each) => each.status === "fulfilled")).toHaveLength(1);
    expect(await refusal(enrolment.enrol({ token, ...someone }))).toEqual([
      "TROUPE_TOKEN_REFUSED",
      { reason: "used" },
    ]);
    expect(lines.at(-1)).toMatch(/let an agent in before/);
  });

  it("is refused when it is unknown, malformed or too old, each said in its own words", async () => {
    const { enrolment, clock, lines } = await bench();
    const { token } = await enrolment.createToken({ ttlMs: 1_000 });
    const forged = `${token.slice(0, -4)}${token.endsWith("AAAA") ? "BBBB" : "AAAA"}`;
    expect(await refusal(enrolment.enrol({ token: forged, ...someone }))).toEqual([
      "TROUPE_TOKEN_REFUSED",
      { reason: "unknown" },
    ]);
    expect(await refusal(enrolment.enrol({ token: "secret", ...someone }))).toEqual([
      "TROUPE_TOKEN_REFUSED",
      { reason: "malformed" },
    ]);
    clock.ahead(1_000);
    expect(await refusal(enrolment.enrol({ token, ...someone }))).toEqual([
      "TROUPE_TOKEN_REFUSED",
      { reason: "expired" },
    ]);
    expect(lines.map((line) => line.replace(/.*: /, ""))).toEqual([
      "no such token was made here",
      "the token is too old",
    ]);
  });

  it("cannot live for ever, nor carry endless labels", async () => {
    const { enrolment } = await bench();
    const tooLong = enrolment.createToken({ ttlMs: 40 * 24 * 3_600_000 });
    expect(await refusal(tooLong)).toMatchObject(["TROUPE_REQUEST_INVALID", {}]);
    const labels = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, "x"]));
    expect(await refusal(enrolment.createToken({ labels }))).toMatchObject([
      "TROUPE_REQUEST_INVALID",
      {},
    ]);
  });
});

describe("a credential", () => {
  it("is worth nothing once the agent is forgotten, nor is the token it came by", async () => {
    const { enrolment } = await bench();
    const { token, agentId } = await enrolment.createToken();
    const { credential } = await enrolment.enrol({ token, ...someone });
    await enrolment.forget(agentId);
    await enrolment.forget(agentId);
    expect(await refusal(enrolment.authenticate(`Bearer ${agentId}.${credential}`))).toMatchObject([
      "TROUPE_AGENT_REFUSED",
      {},
    ]);
    expect(await refusal(enrolment.enrol({ token, ...someone }))).toMatchObject([
      "TROUPE_TOKEN_REFUSED",
      { reason: "unknown" },
    ]);
  });

  it("is refused when it, or the agent, is unknown", async () => {
    const { enrolment } = await bench();
    const { token, agentId } = await enrolment.createToken();
    const { credential } = await enrolment.enrol({ token, ...someone });
    const wrong = credential.replace(/^./, (first) => (first === "A" ? "B" : "A"));
    for (const authorization of [
      undefined,
      "Basic abc",
      `Bearer ${agentId}`,
      `Bearer ${agentId}.${wrong}`,
      `Bearer agent-00000000000000000000.${credential}`,
    ]) {
      expect(await refusal(enrolment.authenticate(authorization))).toMatchObject([
        "TROUPE_AGENT_REFUSED",
        {},
      ]);
    }
  });
});

describe("over the wire", () => {
  it("one status for every refusal, with a reason a person can use", async () => {
    const { enrolment } = await bench();
    const { address, workers } = await agentServiceBench({ enrolment });
    const { token } = await enrolment.createToken();
    const identity = await enroll(address, token);
    expect(workers.enrolments).toEqual([identity.agentId]);
    await ScriptedAgent.welcomed(address, identity);
    await expect(enroll(address, token)).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/token was refused: it is used/),
    });
    await expect(enroll(address, "troupe_guess")).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/malformed/),
    });
  });

  it("what will never be allowed is said to be so, and does not use the token up", async () => {
    const { enrolment } = await bench();
    const { address } = await agentServiceBench({ enrolment });
    const { token } = await enrolment.createToken();
    await expect(enroll(address, token, { name: "n".repeat(300) })).rejects.toMatchObject({
      code: status.PERMISSION_DENIED,
    });
    await enroll(address, token);
  });
});
