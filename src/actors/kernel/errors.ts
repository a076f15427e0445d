/**
 * The one table of error codes. A code is stable: it is never renamed, and a retired one is
 * never used again. Each entry says what its details are, whether the same call may succeed
 * when repeated (`retryable`), what is known about the work (`outcome`), and a message in the
 * order: what was expected, what came, what to do.
 */

/** `not-done`: certainly nothing happened. `unknown`: it may have happened, wholly or in part. */
export type Outcome = "not-done" | "unknown";

export interface ErrorEntry<Details> {
  readonly retryable: boolean;
  readonly outcome: Outcome | ((details: Details) => Outcome);
  readonly message: (details: Details) => string;
}

function entry<Details>(of: ErrorEntry<Details>): ErrorEntry<Details> {
  return of;
}

/** One mistake in a definition or its parameters, as data: where, what was expected, what came, what to do. */
export interface DefinitionProblem {
  /** Stable, for tools. */
  readonly code: string;
  /** From the definition's root: keys of maps, positions in lists. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly expected: string;
  readonly received: string;
  readonly advice: string;
  /** Present when the definition came from a file. Lines and columns count from 1. */
  readonly position?: {
    readonly line: number;
    readonly column: number;
    readonly endColumn: number;
  };
}

function countOf(list: readonly unknown[], noun: string): string {
  return list.length === 1 ? `1 ${noun}` : `${list.length} ${noun}s`;
}

export const errorTable = {
  // ── calls ──────────────────────────────────────────────────────────────────────────────
  TROUPE_ASK_TIMEOUT: entry<{ actor: string; command: string; timeoutMs: number }>({
    retryable: false,
    outcome: "unknown",
    message: (d) =>
      `Expected a reply to "${d.command}" from ${d.actor} within ${d.timeoutMs} ms, but none came; ` +
      `the command may still run. Ask with a longer timeoutMs, or repeat it with an idempotencyKey.`,
  }),
  TROUPE_COMMAND_REJECTED: entry<{ actor: string; command: string; reason: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} rejected "${d.command}": ${d.reason}. ` +
      `Look at error.rejection.details, or call it through .try to get the rejection as a value.`,
  }),
  TROUPE_COMMAND_FAILED: entry<{ actor: string; command: string; reason: string }>({
    retryable: false,
    outcome: "unknown",
    message: (d) =>
      `The handler of "${d.command}" in ${d.actor} threw: ${d.reason}. ` +
      `See error.cause; a refusal that callers should handle is returned with reject(…), not thrown.`,
  }),
  TROUPE_COMMAND_INVALID: entry<{ actor: string; command: string; issues: readonly string[] }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The input of "${d.command}" for ${d.actor} does not fit its schema: ${d.issues.join("; ")}. ` +
      `Nothing was done; correct the input.`,
  }),
  TROUPE_COMMAND_UNKNOWN: entry<{ actor: string; command: string; known: readonly string[] }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} has no command "${d.command}". It has: ${d.known.join(", ") || "none"}. ` +
      `Correct the name, or deploy the version that has it.`,
  }),
  TROUPE_CALL_ABORTED: entry<{ actor: string; command: string }>({
    retryable: false,
    outcome: "unknown",
    message: (d) =>
      `The caller's signal ended its wait for "${d.command}" at ${d.actor}; ` +
      `the command may still run. Repeat it with an idempotencyKey if it matters.`,
  }),
  // ── actors ─────────────────────────────────────────────────────────────────────────────
  TROUPE_ACTOR_STOPPED: entry<{ actor: string; command: string; handling: boolean }>({
    retryable: true,
    outcome: (d) => (d.handling ? "unknown" : "not-done"),
    message: (d) =>
      d.handling
        ? `${d.actor} was stopped while it handled "${d.command}": what was done of it is not known. ` +
          `Spawn the actor again and check before repeating.`
        : `${d.actor} is stopped and did not handle "${d.command}". ` +
          `Spawn it again and use the handle that spawn returns.`,
  }),
  TROUPE_MAILBOX_FULL: entry<{ actor: string; command: string; messagesMax: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `The mailbox of ${d.actor} holds ${d.messagesMax} messages and takes no more, so "${d.command}" ` +
      `was not done. Send slower, ask again later, or raise mailbox.messagesMax.`,
  }),
  TROUPE_STASH_FULL: entry<{ actor: string; messagesMax: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} tried to stash more than ${d.messagesMax} messages. ` +
      `Call unstashAll sooner, reject some of the commands, or raise stashMessagesMax.`,
  }),
  TROUPE_TIMERS_FULL: entry<{ actor: string; timersMax: number }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} tried to start more than ${d.timersMax} timers at once. ` +
      `Cancel timers that are not needed, or raise timersPerActorMax.`,
  }),
  TROUPE_EFFECTS_FULL: entry<{ actor: string; effectsMax: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} has ${d.effectsMax} effects that have not succeeded yet, and asked for one more. ` +
      `Ask again later, look at why they fail (system.parkedEffects()), or cancel some.`,
  }),
  TROUPE_NAME_INVALID: entry<{ name: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `${JSON.stringify(d.name)} cannot be used as a name: ${d.problem}.`,
  }),
  TROUPE_NAME_TAKEN: entry<{ parent: string; name: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `${d.parent} already has an actor named ${JSON.stringify(d.name)}. ` +
      `Choose another name, or wait until the first one has stopped.`,
  }),
  TROUPE_REVOKED: entry<{ actor: string; use: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} was stopped or restarted, so its old context refuses "${d.use}". ` +
      `A handler that goes on after context.signal has fired should return.`,
  }),
  TROUPE_TURN_ENDED: entry<{ actor: string; use: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `"${d.use}" was called on ${d.actor} outside of a turn. ` +
      `Await everything that a handler starts before it returns.`,
  }),
  TROUPE_SYSTEM_STOPPED: entry<{ system: string; use: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `The system "${d.system}" is stopped and takes no "${d.use}". Start a new one.`,
  }),
  TROUPE_OPTION_INVALID: entry<{ option: string; expected: string; got: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `The option ${d.option} must be ${d.expected}, but is ${d.got}. Correct it.`,
  }),
  TROUPE_OPTIONS_CONTRADICT: entry<{ options: readonly string[]; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The options ${d.options.join(" and ")} cannot be given together: ${d.problem}.`,
  }),
  // ── journal ────────────────────────────────────────────────────────────────────────────
  TROUPE_JOURNAL_UNCERTAIN: entry<{ actor: string; reason: string }>({
    retryable: false,
    outcome: "unknown",
    message: (d) =>
      `The journal did not confirm the events of ${d.actor} (${d.reason}); they may be stored. ` +
      `The actor recovers from the log; repeat the command with the same idempotencyKey.`,
  }),
  TROUPE_JOURNAL_REFUSED: entry<{ journal: string; reason: string }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `Nothing was stored, the command can be repeated: the journal ${d.journal} refused the write. ${d.reason}`,
  }),
  TROUPE_JOURNAL_OUT_OF_RANGE: entry<{ shard: number; position: number; first: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `Position ${d.position} of shard ${d.shard} is no longer in the journal, which starts at ${d.first}. ` +
      `Start the recovery over.`,
  }),
  TROUPE_JOURNAL_CORRUPT: entry<{ where: string; problem: string }>({
    retryable: false,
    outcome: "unknown",
    message: (d) =>
      `The journal is damaged at ${d.where}: ${d.problem}. ` +
      `Stop everything that writes to it and restore the place named from a backup.`,
  }),
  TROUPE_JOURNAL_FULL: entry<{ journal: string; reason: string }>({
    retryable: true,
    outcome: "unknown",
    message: (d) =>
      `The journal ${d.journal} has no room, its disk is full: ${d.reason}. Free some space; nothing that is stored is lost.`,
  }),
  TROUPE_JOURNAL_READ_ONLY: entry<{ journal: string; reason: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The journal ${d.journal} cannot be written: ${d.reason}. ` +
      `Give this process the right to write there, or choose another data folder.`,
  }),
  TROUPE_JOURNAL_UNAVAILABLE: entry<{ journal: string; operation: string; reason: string }>({
    retryable: true,
    outcome: "unknown",
    message: (d) =>
      `The journal ${d.journal} failed to ${d.operation}: ${d.reason}. ` +
      `What was confirmed before is stored; see error.cause and look at its disk or its servers.`,
  }),
  TROUPE_JOURNAL_UNUSABLE: entry<{ journal: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The journal ${d.journal} cannot be opened as asked: ${d.problem}. Nothing was changed in it.`,
  }),
  TROUPE_JOURNAL_CLOSED: entry<{ journal: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `The journal ${d.journal} is closed. Open it again to use it.`,
  }),
  TROUPE_FILE_REFUSED: entry<{
    path: string;
    wanted: "read" | "written";
    reason: string;
    advice: string;
  }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `${d.path} cannot be ${d.wanted}: ${d.reason}. ${d.advice}.`,
  }),
  TROUPE_BACKUP_UNUSABLE: entry<{ file: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The backup ${d.file} cannot be restored: ${d.problem}. Nothing was made; take another copy of it, or an earlier one.`,
  }),
  TROUPE_RECORD_TOO_LARGE: entry<{ shard: number; bytes: number; bytesMax: number }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `A record of ${d.bytes} bytes was appended to shard ${d.shard}, and ${d.bytesMax} are allowed. ` +
      `Divide it into several records.`,
  }),
  TROUPE_JOURNAL_IN_USE: entry<{ journal: string; by: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The journal ${d.journal} is already in use by ${d.by}. Stop that process, or talk to it instead.`,
  }),
  TROUPE_SHARD_DEPOSED: entry<{ shard: number; by: string }>({
    retryable: true,
    outcome: "unknown",
    message: (d) =>
      `Shard ${d.shard} was taken over by ${d.by} before the write was confirmed. ` +
      `Repeat the command with the same idempotencyKey; the new owner will answer.`,
  }),
  TROUPE_SHARD_NOT_SERVING: entry<{ shard: number; reason: string }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `Shard ${d.shard} does not serve: ${d.reason}. Nothing was done; ask again later.`,
  }),
  TROUPE_SHARD_BUSY: entry<{ shard: number; bytes: number; bytesMax: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `${d.bytes} bytes of shard ${d.shard} wait for the journal, and ${d.bytesMax} are allowed, ` +
      `so the commit was not taken. Ask again later.`,
  }),
  TROUPE_SHARD_STALLED: entry<{ shard: number; by: string; times: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `Shard ${d.shard} was claimed ${d.times} times and taken by ${d.by} each time. ` +
      `Let one node alone serve it: stop the other process, or look at why the nodes disagree.`,
  }),
  TROUPE_SNAPSHOT_STORE_UNUSABLE: entry<{
    store: string;
    expected: string;
    got: string;
    advice: string;
  }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The snapshot store ${d.store} must be ${d.expected}, but is ${d.got}. ${d.advice}.`,
  }),
  TROUPE_SNAPSHOT_STORE_UNAVAILABLE: entry<{ store: string; operation: string; reason: string }>({
    retryable: true,
    outcome: (d) => (d.operation === "save" || d.operation === "delete" ? "unknown" : "not-done"),
    message: (d) =>
      `The snapshot store ${d.store} failed to ${d.operation}: ${d.reason}. ` +
      `No event is lost, entities recover from the log; look at the server and the network.`,
  }),
  TROUPE_SNAPSHOT_DAMAGED: entry<{ store: string; key: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The snapshot ${d.key} in ${d.store} cannot be used: ${d.problem}. ` +
      `The entity recovers from the log and writes a new one; delete the key if this comes again.`,
  }),
  TROUPE_EVENT_TOO_LARGE: entry<{ actor: string; event: string; bytes: number; bytesMax: number }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The event "${d.event}" of ${d.actor} takes ${d.bytes} bytes, and ${d.bytesMax} are allowed. ` +
      `Store large data as a blob and put its hash in the event.`,
  }),
  TROUPE_PAYLOAD_INVALID: entry<{ what: string; path: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `${d.what} cannot be stored: ${d.path} is ${d.problem}. ` +
      `Use plain objects, arrays, strings, numbers, booleans, null, dates and bytes.`,
  }),
  TROUPE_RECOVERY_FAILED: entry<{ actor: string; reason: string }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `${d.actor} could not be recovered from its events: ${d.reason}. ` +
      `See error.cause; the command was not started.`,
  }),
  TROUPE_DEFINITION_UNKNOWN: entry<{ name: string; known: readonly string[] }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `This system hosts no persistent actor "${d.name}" (it hosts: ${d.known.join(", ") || "none"}). ` +
      `Pass its definition to createSystem.`,
  }),
  TROUPE_EVENT_UNREADABLE: entry<{ actor: string; event: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The event "${d.event}" of "${d.actor}" cannot be applied: ${d.problem}. ` +
      `Deploy a version that knows it, or add its handler or upcaster to .events().`,
  }),
  TROUPE_IDEMPOTENCY_KEY_REUSED: entry<{
    actor: string;
    key: string;
    command: string;
    firstCommand: string;
  }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The idempotencyKey ${JSON.stringify(d.key)} of ${d.actor} was used for "${d.firstCommand}" and now ` +
      `comes with "${d.command}". Use one key for one piece of work.`,
  }),
  // ── jobs ───────────────────────────────────────────────────────────────────────────────
  TROUPE_LOG_GAP: entry<{ log: string; expectedOffset: number; gotOffset: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `The log ${d.log} goes on at byte ${d.expectedOffset}, but the chunk starts at ${d.gotOffset}. ` +
      `Send again from ${d.expectedOffset}.`,
  }),
  TROUPE_LOG_SEALED: entry<{ log: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The log ${d.log} is sealed: its attempt has ended, and it takes no more bytes. Send nothing more to it.`,
  }),
  TROUPE_LOG_BEHIND: entry<{ log: string; waitingBytesMax: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `The log ${d.log} has ${d.waitingBytesMax} bytes waiting for the disk and takes no more. ` +
      `Wait for the earlier appends, then send again.`,
  }),
  TROUPE_LOG_NOT_STORED: entry<{ log: string; reason: string }>({
    retryable: true,
    outcome: "unknown",
    message: (d) =>
      `The log ${d.log} could not be stored: ${d.reason}. Make room or correct the folder's rights; ` +
      `the sender keeps the bytes and sends them again.`,
  }),
  TROUPE_JOB_FILE_NOT_FOUND: entry<{ run: string; job: string; what: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The job ${d.job} of run ${d.run} has left no ${d.what}. It must have ended by itself, and have ` +
      (d.what === "summary" ? "written to $TROUPE_STEP_SUMMARY." : "a list of artifacts."),
  }),
  TROUPE_GONE_BY_RETENTION: entry<{ run: string; what: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The ${d.what} of run ${d.run} is gone by retention: this server deletes what is older than it was told to keep.`,
  }),
  // ── blobs ──────────────────────────────────────────────────────────────────────────────
  TROUPE_BLOB_NOT_FOUND: entry<{ key: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `There is no blob ${JSON.stringify(d.key)}. It was never stored, or its retention is over: store it again.`,
  }),
  TROUPE_CACHE_NOT_FOUND: entry<{ keys: readonly string[]; pipeline?: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `There is no cache ${d.keys.map((key) => JSON.stringify(key)).join(", ")}` +
      `${d.pipeline === undefined ? "" : ` of the pipeline "${d.pipeline}"`}, so none was deleted. ` +
      `List the caches with: troupe caches`,
  }),
  TROUPE_BLOB_MISMATCH: entry<{ expected: string; got: string; bytes: number }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The content should have the SHA-256 ${d.expected}, but its ${d.bytes} bytes have ${d.got}. ` +
      `Nothing was kept; send it again from its beginning.`,
  }),
  TROUPE_BLOB_TOO_LARGE: entry<{ bytesMax: number }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The content has more than the ${d.bytesMax} bytes that are allowed. Nothing was kept; divide or compress it.`,
  }),
  TROUPE_BLOB_GAP: entry<{ key: string; end: number; gotOffset: number }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The blob ${d.key} ends at byte ${d.end}, but was to be appended to at ${d.gotOffset}. ` +
      `Go on at ${d.end}; if somebody else appends to it, stop.`,
  }),
  TROUPE_BLOB_STORE_UNAVAILABLE: entry<{ store: string; operation: string; reason: string }>({
    retryable: true,
    outcome: "unknown",
    message: (d) =>
      `The blob store ${d.store} failed to ${d.operation}: ${d.reason}. ` +
      `What was confirmed before is stored; look at its disk, its server or the network, and try again.`,
  }),
  TROUPE_QUEUE_FULL: entry<{ attemptsMax: number; accepted: number }>({
    retryable: true,
    outcome: (d) => (d.accepted === 0 ? "not-done" : "unknown"),
    message: (d) =>
      `The queue holds ${d.attemptsMax} attempts and takes no more; ${d.accepted} of these went in. ` +
      `Submit the rest again later.`,
  }),
  TROUPE_WORKER_REFUSED: entry<{ worker: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `The worker ${d.worker} cannot connect: ${d.problem}.`,
  }),
  TROUPE_TOKEN_REFUSED: entry<{
    reason: "unknown" | "expired" | "used" | "malformed" | "denied";
  }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The registration token was refused: it is ${d.reason}. Create one with: troupe token create`,
  }),
  TROUPE_PIPELINE_INVALID: entry<{
    pipeline: string;
    problems: readonly DefinitionProblem[];
    report: string;
  }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The pipeline ${d.pipeline} has ${countOf(d.problems, "problem")}:\n\n${d.report}`,
  }),
  TROUPE_RUN_INVALID: entry<{
    pipeline: string;
    problems: readonly DefinitionProblem[];
    report: string;
  }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The run of ${d.pipeline} cannot start, ${countOf(d.problems, "problem")} with its parameters:\n\n${d.report}`,
  }),
  TROUPE_RUN_NOT_FOUND: entry<{ run: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `There is no run "${d.run}". List the runs with: troupe ps`,
  }),
  // ── server ─────────────────────────────────────────────────────────────────────────────
  TROUPE_LISTEN_REFUSED: entry<{ listen: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `The server cannot listen on ${d.listen}: ${d.problem}.`,
  }),
  TROUPE_SERVER_UNREACHABLE: entry<{ server: string; reason: string }>({
    retryable: true,
    outcome: "unknown",
    message: (d) =>
      `No troupe server answers at ${d.server} (${d.reason}). Start one with: troupe dev --data <folder>`,
  }),
  TROUPE_SERVER_FAILED: entry<{ call: string; reason: string }>({
    retryable: false,
    outcome: "unknown",
    message: (d) => `The server could not answer "${d.call}": ${d.reason}. See the server's log.`,
  }),
  TROUPE_REQUEST_INVALID: entry<{ request: string; problem: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `The request "${d.request}" is not valid: ${d.problem}.`,
  }),
  TROUPE_JOB_NOT_FOUND: entry<{ run: string; job: string; known: readonly string[] }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The run "${d.run}" has no job "${d.job}". It has: ${d.known.slice(0, 20).join(", ") || "none"}.`,
  }),
  TROUPE_AGENT_REFUSED: entry<{ reason: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The server does not know this agent: ${d.reason}. Enrol it again with a new token: troupe token create`,
  }),
  TROUPE_AGENT_DENIED: entry<{ agent: string; reason: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The agent ${d.agent} is denied by an operator: ${d.reason}. ` +
      `To let it in again: troupe workers allow ${d.agent}`,
  }),
  TROUPE_AGENT_NOT_FOUND: entry<{ agent: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) => `There is no agent with the id "${d.agent}". List them with: troupe workers`,
  }),
  TROUPE_CERTIFICATE_EXPIRED: entry<{ agent: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The certificate of ${d.agent} has expired. It is renewed by itself for some days; ` +
      `after that enrol the agent again with a new token: troupe token create`,
  }),
  TROUPE_ENROLMENT_THROTTLED: entry<{ address: string; retryAfterMs: number }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `Too many tokens from ${d.address} were wrong. Try again in ${Math.ceil(d.retryAfterMs / 1_000)} s.`,
  }),
  TROUPE_AUTHORITY_LOCKED: entry<{ authority: string; source: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `The key of the certificate authority ${d.authority} cannot be opened with ${d.source}: it was sealed ` +
      `under another secret. Start the server with the passphrase, or the authority.key file, that it had.`,
  }),
  TROUPE_AUTHORITY_BUSY: entry<{ problem: string }>({
    retryable: true,
    outcome: "not-done",
    message: (d) =>
      `The certificate authority cannot be changed now: ${d.problem}. Try again later.`,
  }),
  TROUPE_TLS_OFF: entry<{ request: string; listen: string }>({
    retryable: false,
    outcome: "not-done",
    message: (d) =>
      `"${d.request}" is about certificates, but this server listens on ${d.listen} without TLS. ` +
      `Start it with --tls, or let it listen on an address of the network.`,
  }),
};

export type ErrorCode = keyof typeof errorTable;

/** The whole list of codes, each with the details that its error carries. */
export type ErrorDetails = {
  [C in ErrorCode]: (typeof errorTable)[C] extends ErrorEntry<infer Details> ? Details : never;
};
