/** The turns of commands: how they begin, and what of them goes to the log when their handler has ended. */
import { isTroupeError, TroupeError } from "../kernel/index.ts";
import type { CallAnswers } from "./call-answers.ts";
import type { CommitPipeline } from "./commit-pipeline.ts";
import { type Answer, answerOf, type Call } from "./entity-work.ts";
import { decodeReply, Turn } from "./turn.ts";
import type { TurnSubject } from "./turn-subject.ts";

export class CommandTurns {
  readonly #subject: TurnSubject;
  readonly #pipeline: CommitPipeline;
  readonly #answers: CallAnswers;

  constructor(subject: TurnSubject, pipeline: CommitPipeline, answers: CallAnswers) {
    this.#subject = subject;
    this.#pipeline = pipeline;
    this.#answers = answers;
  }

  /** The turn to run; undefined when there is nothing to run, because the answer is known already. */
  begin(call: Call, nowMs: number): Turn | undefined {
    if (call.ask?.settled === true) {
      this.#answers.expired(call);
      return undefined;
    }
    const key = call.options?.idempotencyKey;
    const remembered = key === undefined ? undefined : this.#pipeline.state.replies.get(key);
    if (remembered !== undefined) {
      this.#repeat(call, remembered.bytes, nowMs);
      return undefined;
    }
    const local = call.options?.read === "local" && key === undefined;
    const state = local ? this.#pipeline.confirmed : this.#pipeline.state;
    return new Turn(this.#subject, state, nowMs, local);
  }

  /** The same key again: the first reply, once it is in the log. */
  #repeat(call: Call, bytes: Uint8Array, nowMs: number): void {
    const turn = this.#blank(nowMs);
    const { command: firstCommand, answer } = decodeReply(bytes);
    const { command } = call;
    if (firstCommand === command) return this.#pipeline.read(turn, call, answerOf(answer));
    const key = call.options?.idempotencyKey ?? "";
    const details = { actor: this.#subject.persistenceId, key, command, firstCommand };
    const error = new TroupeError("TROUPE_IDEMPOTENCY_KEY_REUSED", details);
    return this.#pipeline.read(turn, call, { kind: "refused", error });
  }

  end(turn: Turn, call: Call, answer: Answer): void {
    if (answer.kind === "fault") {
      this.#subject.failed(`command "${call.command}"`, answer.error);
    }
    if (turn.readOnly) {
      if (answer.kind === "reply") turn.runEffects();
      return this.#answers.answer(call, answer);
    }
    if (answer.kind === "fault" || answer.kind === "refused") {
      return this.#pipeline.read(this.#blank(turn.nowMs), call, answer);
    }
    const kept = answer.kind === "reply" ? turn : this.#blank(turn.nowMs);
    const error = this.#remember(kept, call, answer) ?? this.#pipeline.write(kept, call, answer);
    if (error === undefined) return undefined;
    // What is not the framework's is of the definition's own making: its `open` threw.
    const refused: Answer = { kind: isTroupeError(error) ? "refused" : "fault", error };
    return this.#pipeline.read(this.#blank(turn.nowMs), call, refused);
  }

  /** With a key, the answer goes into the same commit as the events. Returns why it cannot. */
  #remember(turn: Turn, call: Call, answer: Answer & { kind: "reply" | "rejection" }): unknown {
    const key = call.options?.idempotencyKey;
    // A deleted entity remembers nothing.
    if (key === undefined || turn.deleting) return undefined;
    try {
      const value = answer.kind === "reply" ? answer.value : answer.rejection;
      turn.rememberReply(key, call.command, value);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  /** Stands in for a turn that is thrown away: nothing staged, no effects. */
  #blank(nowMs: number): Turn {
    const turn = new Turn(this.#subject, this.#pipeline.state, nowMs);
    turn.end();
    return turn;
  }
}
