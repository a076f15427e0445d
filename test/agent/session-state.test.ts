import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type JobResult, OnDisconnect, Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import { attemptKey, attemptText } from "../../src/agent/attempt.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import type { FromServer, ToServer } from "../../src/agent/session-messages.ts";
import { newSession, step } from "../../src/agent/session-state.ts";
import type { SessionEffect, SessionInput, SessionState } from "../../src/agent/session-step.ts";
import { assignment, welcome } from "./support/fake-server.ts";

/** Attempts of these transcripts are called by one letter. */
const ref = (name: string) => ({ runId: "run", job: name, attempt: 1 });
const key = (name: string) => attemptKey(ref(name));

function resultOf(name: string): JobResult {
  return {
    attempt: ref(name),
    outcome: Outcome.SUCCEEDED,
    exitCode: 0,
    signal: "",
    outputs: {},
    reason: "",
    startedAtMs: 1,
    durationMs: 1,
    usage: undefined,
    artifacts: undefined,
    summary: undefined,
    commit: "",
    logBytes: 0,
  };
}

const received = (message: FromServer): SessionInput => ({ type: "received", message });

/** What can be written on the left side of a transcript. */
const inputs: Record<string, (name: string) => SessionInput> = {
  dialled: () => ({ type: "dialled" }),
  lost: () => ({ type: "lost" }),
  welcome: (names) =>
    received({
      $case: "welcome",
      value: welcome({ disowned: names.split(",").filter(Boolean).map(ref) }),
    }),
  assign: (name) =>
    received({ $case: "assignment", value: assignment({ attempt: ref(name), killGraceMs: 9 }) }),
  lease: (name) =>
    received({
      $case: "assignment",
      value: assignment({
        attempt: ref(name),
        killGraceMs: 9_000,
        onDisconnect: OnDisconnect.KILL,
      }),
    }),
  leaseover: () => ({ type: "lease-over", killWithinMs: 5_000 }),
  renewed: () => ({ type: "lease-renewed" }),
  cancel: (name) =>
    received({ $case: "cancel", value: { attempt: ref(name), reason: "enough", graceMs: 7 } }),
  ack: (name) =>
    received({ $case: "resultAck", value: { attempt: ref(name), recorded: true, reason: "" } }),
  logack: (name) => received({ $case: "logAck", value: { attempt: ref(name), offset: 5 } }),
  refuse: (kind) =>
    received({
      $case: "refused",
      value: { code: "too-old", reason: "too old", permanent: kind === "permanently" },
    }),
  beat: () => received({ $case: "heartbeatAck", value: { sequence: 3 } }),
  serverdrain: () => received({ $case: "drain", value: { reason: "scale down" } }),
  unknown: () => received(undefined),
  started: (name) => ({ type: "started", key: key(name), startedAtMs: 42 }),
  ended: (name) => ({ type: "ended", key: key(name), result: resultOf(name) }),
  logsent: (name) => ({ type: "log-sent", key: key(name) }),
  drain: () => ({ type: "drain", reason: "SIGTERM" }),
  cancelall: () => ({ type: "cancel-all", reason: "SIGTERM" }),
};

function describeEffect(effect: SessionEffect): string {
  switch (effect.type) {
    case "greet":
      return `hello(${effect.holding.map((held) => held.job).join(",")})`;
    case "opened":
      return "opened";
    case "start":
      return `start(${effect.assignment.attempt?.job})`;
    case "cancel":
      return `kill(${effect.key.split("/")[1]}, ${effect.reason}, ${effect.graceMs} ms)`;
    case "acknowledge-log":
      return `free(${effect.key.split("/")[1]} < ${effect.offset})`;
    case "forget":
      return `forget(${effect.key.split("/")[1]})`;
    case "beat-answered":
      return `renew(${effect.sequence})`;
    case "warn":
      return `warn(${effect.message})`;
    case "cut":
      return `cut(${effect.reason})`;
    case "finish":
      return `finish(${effect.cause}: ${effect.reason})`;
    case "send":
      return describeSend(effect.message);
  }
}

function describeSend(message: ToServer): string {
  if (message.$case === "draining") return `draining(${message.value.reason})`;
  if (message.$case !== "result") {
    const { attempt } = message.value as { attempt?: { job: string } };
    return `${message.$case}(${attempt?.job})`;
  }
  const { attempt, outcome, reason } = message.value;
  const declined = outcome === Outcome.DECLINED ? `, declined: ${reason}` : "";
  return `result(${attempt?.job}${declined})`;
}

/** Plays `input argument` lines; each must have the effects behind its arrow. */
function transcript(text: string, slots = 2): SessionState {
  let state = newSession(slots);
  const played: string[] = [];
  const lines = text.split("\n").map((line) => line.trim());
  for (const line of lines.filter(Boolean)) {
    const [left = ""] = line.split(" → ");
    const [name = "", argument = ""] = left.trim().split(/\s+/);
    const made = step(state, (inputs[name] as (argument: string) => SessionInput)(argument));
    state = made.state;
    const effects = made.effects.map(describeEffect).join("; ");
    played.push(effects === "" ? left.trim() : `${left.trim()} → ${effects}`);
  }
  expect(played.join("\n")).toBe(
    lines
      .filter(Boolean)
      .map((line) => line.replace(/\s+→ /, " → "))
      .join("\n"),
  );
  return state;
}

describe("the lease", () => {
  const over = "the lease was over before the server could be reached again";

  test("takes with it what is to be killed on disconnect, within the server's grace, and nothing else", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      lease a    → accepted(a); start(a)
      assign b   → accepted(b); start(b)
      lost
      leaseover  → warn(run/a#1: ${over}: killing it); kill(a, ${over}, 5000 ms); warn(run/b#1: the lease is over, the server may give it to another agent; it goes on here until it says so)
      ended a
      dialled    → hello(a,b)
      welcome    → accepted(a); accepted(b); opened
      renewed
      logsent a  → result(a)
    `);
  });

  test("that is over begins nothing that would have to be killed, until it is renewed", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      leaseover
      lease a    → result(a, declined: the lease of the agent was over when it came)
      assign b   → accepted(b); start(b)
      renewed
      lease c    → accepted(c); start(c)
    `);
  });
});

describe("the session", () => {
  test("a job from its assignment to the acknowledgement", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      started a  → started(a)
      logack a   → free(a < 5)
      ended a
      logsent a  → result(a)
      logsent a
      ack a      → forget(a)
    `);
  });

  test("a cut while a job runs: it is announced again, its log goes on", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      lost
      started a
      dialled    → hello(a)
      welcome    → accepted(a); started(a); opened
    `);
  });

  test("a result is sent on every link after its log, until it is acknowledged", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      started a  → started(a)
      lost
      ended a
      logsent a
      dialled    → hello(a)
      welcome    → accepted(a); started(a); opened
      logsent a  → result(a)
      lost
      dialled    → hello(a)
      welcome    → accepted(a); started(a); opened
      logsent a  → result(a)
      ack a      → forget(a)
      ack a
    `);
  });

  test("a repeated assignment starts nothing, before and after the end", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      assign a   → accepted(a)
      started a  → started(a)
      assign a   → accepted(a); started(a)
      ended a
      assign a   → accepted(a); started(a)
      logsent a  → result(a)
      assign a   → accepted(a); started(a); result(a)
      ack a      → forget(a)
      assign a   → result(a, declined: this attempt is already over on this agent)
    `);
  });

  test("no more jobs than slots", () => {
    transcript(
      `
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      assign b   → result(b, declined: all 1 slots of the agent are taken)
      ended a
      assign b   → accepted(b); start(b)
    `,
      1,
    );
  });

  test("a disowned job is killed, and keeps its slot until it is dead", () => {
    transcript(
      `
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      lost
      dialled    → hello(a)
      welcome a  → warn(run/a#1 is no longer wanted by the server: killing it); kill(a, the server gave it up, 9 ms); opened
      assign b   → result(b, declined: all 1 slots of the agent are taken)
      assign a   → result(a, declined: this attempt is already over on this agent)
      lost
      dialled    → hello()
      welcome    → opened
      ended a    → forget(a)
      assign b   → accepted(b); start(b)
    `,
      1,
    );
  });

  test("a disowned result is forgotten", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      ended a
      lost
      dialled    → hello(a)
      welcome a  → forget(a); opened
    `);
  });

  test("an acknowledgement of a running job means that it counts no more", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      ack a      → warn(run/a#1 is no longer wanted by the server: killing it); kill(a, the server gave it up, 9 ms)
      ended a    → forget(a)
    `);
  });

  test("cancel reaches what runs, and nothing else", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      cancel a
      assign a   → accepted(a); start(a)
      cancel a   → kill(a, enough, 7 ms)
      ended a
      cancel a
    `);
  });

  test("draining: no more jobs, and the end when nothing is held", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      drain      → draining(SIGTERM)
      drain
      assign b   → result(b, declined: the agent is draining: SIGTERM)
      lost
      ended a
      dialled    → hello(a)
      welcome    → draining(SIGTERM); accepted(a); opened
      logsent a  → result(a)
      ack a      → forget(a); finish(drained: SIGTERM)
      dialled
    `);
  });

  test("draining with nothing to do ends at once, also without a link", () => {
    transcript("drain → finish(drained: SIGTERM)");
    transcript(`
      dialled     → hello()
      welcome     → opened
      serverdrain → draining(scale down); finish(drained: scale down)
    `);
  });

  test("a second signal cancels what still runs", () => {
    transcript(`
      dialled    → hello()
      welcome    → opened
      assign a   → accepted(a); start(a)
      assign b   → accepted(b); start(b)
      ended b
      drain      → draining(SIGTERM)
      cancelall  → kill(a, SIGTERM, 9 ms)
    `);
  });

  test("a refusal for good stops the agent, another one only the link", () => {
    transcript(`
      dialled            → hello()
      refuse             → cut(the server refused this agent: too old (too-old))
    `);
    transcript(`
      dialled            → hello()
      welcome            → opened
      assign a           → accepted(a); start(a)
      lost
      dialled            → hello(a)
      refuse permanently → kill(a, the server refused this agent, 9 ms); finish(refused: the server refused this agent: too old (too-old))
    `);
  });

  test("what breaks the order costs the link, what makes no sense is ignored", () => {
    transcript(`
      dialled    → hello()
      assign a   → cut(the server sent assignment before Welcome)
      lost
      dialled    → hello()
      welcome    → opened
      welcome    → cut(the server sent a second Welcome)
      unknown    → warn(ignored a message of an unknown kind)
      logack a
      ack a
      beat       → renew(3)
    `);
  });

  test("remembers attempts that are over, within its bound", () => {
    let state = transcript("dialled → hello()\nwelcome → opened");
    const play = (input: SessionInput) => {
      const made = step(state, input);
      state = made.state;
      return made.effects;
    };
    for (let count = 0; count < agentLimits.rememberedMax + 5; count++) {
      for (const name of ["assign", "ended", "logsent", "ack"] as const) {
        play((inputs[name] as (argument: string) => SessionInput)(`job${count}`));
      }
    }
    expect(state.attempts.size).toBe(0);
    expect(state.remembered.size).toBe(agentLimits.rememberedMax);
  });
});

/** Any message at all, sensible or not. */
const anyInput: fc.Arbitrary<SessionInput> = fc
  .tuple(
    fc.constantFrom(
      ...Object.keys(inputs).filter((name) => !["drain", "serverdrain"].includes(name)),
    ),
    fc.constantFrom("a", "b", "c"),
  )
  .map(([name, argument]) => (inputs[name] as (argument: string) => SessionInput)(argument));

test("whatever comes in whatever order: an attempt starts once, and never more than the slots run", () => {
  fc.assert(
    fc.property(fc.array(anyInput, { maxLength: 80 }), (list) => {
      let state = newSession(2);
      const startedOnce = new Set<string>();
      const running = new Set<string>();
      for (const input of list) {
        // Only what was started can end, and only once.
        if (input.type === "ended" && !running.delete(input.key)) continue;
        const made = step(state, input);
        state = made.state;
        for (const effect of made.effects) {
          if (effect.type !== "start") continue;
          expect(startedOnce.has(effect.key), attemptText(ref(effect.key))).toBe(false);
          startedOnce.add(effect.key);
          running.add(effect.key);
        }
        expect(running.size).toBeLessThanOrEqual(2);
        const results = made.effects.filter(
          (effect) => effect.type === "send" && effect.message.$case === "result",
        );
        if (state.link !== "open") expect(results).toEqual([]);
      }
    }),
    { numRuns: 2_000 },
  );
});
