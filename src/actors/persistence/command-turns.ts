/** The turns of commands: how they begin, and what of them goes to the log when their handler has ended. */
import { isTroupeError, TroupeError } from "../kernel/index.ts";
import { type Answerer, answerCall } from "./call-answers.ts";
import type { CommitPipeline } from "./commit-pipeline.ts";
import { type Answer, answerOf, type Call } from "./entity-work.ts";
import { decodeReply, Turn } from "./turn.ts";

/** The entity, as its commands' turns see it. */
export type CommandSite = Answerer & CommitPipeline;

/** The turn to run; undefined when there is nothing to run, because the answer is known already. */
export function beginCommand(site: CommandSite, call: Call, nowMs: number): Turn | undefined {
  if (call.ask?.settled === true) {
    // Its caller has given up.
    site.undelivered(call, "expired");
    return undefined;
  }
  const { subject } = site;
  if (call.options === undefined) return new Turn(subject, site.state, nowMs);
  const { idempotencyKey: key, read } = call.options;
  const remembered = key === undefined ? undefined : site.state.replies.get(key);
  if (remembered !== undefined) {
    repeat(site, call, remembered.bytes, nowMs);
    return undefined;
  }
  const local = read === "local" && key === undefined;
  return new Turn(subject, local ? site.confirmed : site.state, nowMs, local);
}

/** The same key again: the first reply, once it is in the log. */
function repeat(site: CommandSite, call: Call, bytes: Uint8Array, nowMs: number): void {
  const turn = blank(site, nowMs);
  const { command: firstCommand, answer } = decodeReply(bytes);
  const { command } = call;
  if (firstCommand === command) return site.read(turn, call, answerOf(answer));
  const key = call.options?.idempotencyKey ?? "";
  const details = { actor: site.subject.persistenceId, key, command, firstCommand };
  const error = new TroupeError("TROUPE_IDEMPOTENCY_KEY_REUSED", details);
  return site.read(turn, call, { kind: "refused", error });
}

/** The command's handler has ended with `answer`. */
export function endCommand(site: CommandSite, turn: Turn, call: Call, answer: Answer): void {
  const { subject } = site;
  if (answer.kind === "fault") subject.failed(`command "${call.command}"`, answer.error);
  if (turn.readOnly) {
    if (answer.kind === "reply") turn.runEffects();
    return answerCall(site, call, answer);
  }
  if (answer.kind === "fault" || answer.kind === "refused") {
    return site.read(blank(site, turn.nowMs), call, answer);
  }
  const kept = answer.kind === "reply" ? turn : blank(site, turn.nowMs);
  const error = remember(kept, call, answer) ?? site.write(kept, call, answer);
  if (error === undefined) return undefined;
  // What is not the framework's is of the definition's own making: its `open` threw.
  const refused: Answer = { kind: isTroupeError(error) ? "refused" : "fault", error };
  return site.read(blank(site, turn.nowMs), call, refused);
}

/** With a key, the answer goes into the same commit as the events. Returns why it cannot. */
function remember(
  turn: Turn,
  call: Call,
  answer: Answer & { kind: "reply" | "rejection" },
): unknown {
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
function blank({ subject, state }: CommandSite, nowMs: number): Turn {
  const turn = new Turn(subject, state, nowMs);
  turn.end();
  return turn;
}
