/** A scripted agent that does what it is told: each assignment is accepted, started, logged and ended. */

import { onTestFinished } from "vitest";
import type { Assignment, Hello, JobResult } from "../../proto/troupe/agent/v1/agent.ts";
import { type Identity, ScriptedAgent } from "./scripted-agent.ts";

/** What a job does; the log is all that it printed. Default: it prints its name and succeeds. */
export type Work = (
  assignment: Assignment,
) => { readonly log?: string; readonly result?: Partial<JobResult> } | undefined;

export interface ObedientAgent {
  readonly agent: ScriptedAgent;
  /** `run/job#attempt` of all that was assigned, in order. */
  readonly assigned: string[];
}

export async function obedientAgent(
  address: string,
  identity: Identity,
  options: { readonly hello?: Partial<Hello>; readonly work?: Work } = {},
): Promise<ObedientAgent> {
  const assigned: string[] = [];
  const work: Work = options.work ?? ((of) => ({ log: `${of.attempt?.job}\n` }));
  const agent = new ScriptedAgent(address, identity);
  agent.onAnswer((answer) => {
    if (answer.$case !== "assignment" || answer.value.attempt === undefined) return;
    const { attempt } = answer.value;
    assigned.push(`${attempt.runId}/${attempt.job}#${attempt.attempt}`);
    agent.send({ $case: "accepted", value: { attempt } });
    const done = work(answer.value);
    // Undefined = it runs until the test says otherwise.
    agent.send({ $case: "started", value: { attempt, startedAtMs: Date.now() } });
    if (done === undefined) return;
    const { log = "", result = {} } = done;
    if (log !== "") agent.log(attempt, 0, log);
    agent.result(attempt, { logBytes: Buffer.byteLength(log), ...result });
  });
  agent.hello(options.hello);
  const { heartbeatIntervalMs } = await agent.next("welcome");
  const beating = setInterval(() => {
    agent.send({ $case: "heartbeat", value: { sequence: 0, running: [] } });
  }, heartbeatIntervalMs);
  onTestFinished(() => clearInterval(beating));
  return { agent, assigned };
}
