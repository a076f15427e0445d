/**
 * The attempts of one session: those that the agent was given in it, or came back with. What it says
 * of any other is refused and counted; a result that it repeats is answered as it was before.
 */
import type { AttemptRef, JobResult, LogChunk } from "../../proto/troupe/agent/v1/agent.ts";
import { limits } from "../actors/kernel/index.ts";
import { type AttemptKey, attemptId, type FinishAnswer } from "../actors/workers/index.ts";
import { attemptOf } from "./agent-messages.ts";
import type { ForgedMessage } from "./agent-meter.ts";
import { AttemptIntake, type IntakeServices } from "./attempt-intake.ts";

export class HeldAttempts {
  readonly #services: IntakeServices;
  readonly #intakes = new Map<string, AttemptIntake>();
  /** Oldest first, at most `sessionAnswersMax`. */
  readonly #answered = new Map<string, FinishAnswer>();
  readonly #stray: (what: ForgedMessage, attempt: AttemptRef | undefined) => void;

  /** `stray` is told of each message about an attempt that is not held. */
  constructor(
    services: Omit<IntakeServices, "settled">,
    stray: (what: ForgedMessage, attempt: AttemptRef | undefined) => void,
  ) {
    this.#services = { ...services, settled: (of, answer) => this.#settled(of, answer) };
    this.#stray = stray;
  }

  /** The agent is given the attempt. */
  assign(attempt: AttemptKey): void {
    this.#answered.delete(attemptId(attempt));
    this.#hold(attempt, false);
  }

  /** The agent came back with the attempt: it is told how much of the log is stored. */
  resume(attempt: AttemptKey): Promise<void> {
    return this.#hold(attempt, true).tellEnd();
  }

  /** The attempt that is meant, if the agent holds it. */
  held(what: ForgedMessage, ref: AttemptRef | undefined): AttemptKey | undefined {
    return this.#find(what, ref)?.attempt;
  }

  /** Resolves, where it must be waited for, when there is room for more. */
  log({ attempt, offset, data, times }: LogChunk): Promise<void> | undefined {
    const intake = this.#find("log", attempt);
    intake?.chunk(offset, data, times);
    return intake?.room();
  }

  result(result: JobResult): void {
    const attempt = attemptOf(result.attempt);
    const id = attempt === undefined ? "" : attemptId(attempt);
    const intake = this.#intakes.get(id);
    if (intake !== undefined) return intake.result(result);
    const earlier = this.#answered.get(id);
    if (earlier === undefined) this.#stray("result", result.attempt);
    else this.#services.meter.resultResent();
    const answer = earlier ?? { recorded: false, reason: "this agent does not hold that attempt" };
    const value = { attempt: result.attempt, ...answer };
    this.#services.writer.write({ $case: "resultAck", value });
  }

  /** Nothing is reported or acknowledged from now on. */
  close(): void {
    for (const intake of this.#intakes.values()) intake.close();
    this.#intakes.clear();
  }

  #hold(attempt: AttemptKey, resumed: boolean): AttemptIntake {
    const id = attemptId(attempt);
    const known = this.#intakes.get(id);
    if (known !== undefined) return known;
    const intake = new AttemptIntake(attempt, resumed, this.#services);
    this.#intakes.set(id, intake);
    return intake;
  }

  #find(what: ForgedMessage, ref: AttemptRef | undefined): AttemptIntake | undefined {
    const attempt = attemptOf(ref);
    const intake = attempt === undefined ? undefined : this.#intakes.get(attemptId(attempt));
    if (intake === undefined) this.#stray(what, ref);
    return intake;
  }

  #settled(attempt: AttemptKey, answer: FinishAnswer): void {
    const id = attemptId(attempt);
    this.#intakes.delete(id);
    this.#answered.set(id, answer);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > limits.sessionAnswersMax && oldest !== undefined) {
      this.#answered.delete(oldest);
    }
  }
}
