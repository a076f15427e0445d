/* oxlint-disable max-lines -- one table on purpose: all bounds can be read in one place */
/**
 * The one list of bounds. Each has a unit, a default, the reason for it, and what happens
 * when it is reached. A system may be given other values (`limits: { … }`).
 */
export interface Limit {
  readonly default: number;
  readonly unit: "messages" | "milliseconds" | "items" | "bytes" | "characters" | "times";
  /** Why this default. */
  readonly reason: string;
  /** What one sees when it is reached. */
  readonly effect: string;
  /** A system that is given less would stand still. Default 0. */
  readonly least?: number;
}

function limit(of: Limit): Limit {
  return of;
}

export const limitTable = {
  // ── kernel ─────────────────────────────────────────────────────────────────────────────
  askTimeoutMs: limit({
    default: 5_000,
    unit: "milliseconds",
    least: 1,
    reason: "longer than any sound in-memory turn, shorter than a person's patience",
    effect: "the ask fails with TROUPE_ASK_TIMEOUT, outcome unknown",
  }),
  mailboxMessagesMax: limit({
    default: 10_000,
    unit: "messages",
    least: 1,
    reason: "about 1 MB of small messages, and seconds of work for a slow actor",
    effect:
      "the actor's overflow policy: asks fail with TROUPE_MAILBOX_FULL, tells become dead letters",
  }),
  stashMessagesMax: limit({
    default: 1_000,
    unit: "messages",
    reason: "a stash bridges a short wait; more means that nobody unstashes",
    effect: "stash() throws TROUPE_STASH_FULL, which fails that message only",
  }),
  waitingAsksMax: limit({
    default: 10_000,
    unit: "items",
    reason: "asks that wait outside of a full mailbox under the backpressure policy",
    effect: "further asks fail with TROUPE_MAILBOX_FULL",
  }),
  timersPerActorMax: limit({
    default: 1_000,
    unit: "items",
    reason: "an actor with more is a scheduler and should keep its own queue",
    effect: "timers.start throws TROUPE_TIMERS_FULL",
  }),
  turnMessagesMax: limit({
    default: 128,
    unit: "messages",
    least: 1,
    reason: "how many messages one actor handles before the others have their turn",
    effect: "the actor goes to the end of the run queue",
  }),
  sliceMs: limit({
    default: 2,
    unit: "milliseconds",
    reason: "how long the actors run before sockets and timers of the process have their turn",
    effect: "the kernel goes on after one round of the event loop",
  }),
  stopDeadlineMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason: "time for running handlers and stop hooks of a subtree to end by themselves",
    effect: "what still runs is revoked, and the stop is completed without it",
  }),
  handlerWarnMs: limit({
    default: 30_000,
    unit: "milliseconds",
    reason: "a handler that holds its actor for longer is most likely stuck",
    effect: "a warning that names the actor and the command; the handler goes on",
  }),
  blockWarnMs: limit({
    default: 200,
    unit: "milliseconds",
    reason: "a handler that blocks the event loop this long hurts everything in the process",
    effect: "a warning that names the actor and the command",
  }),
  deadLetterSamplesMax: limit({
    default: 100,
    unit: "items",
    reason: "enough to see a pattern; counts are kept for all",
    effect: "the oldest sample is dropped",
  }),
  restartsMax: limit({
    default: 10,
    unit: "times",
    reason: "restarts within restartsWithinMs of a rule that names no limit of its own",
    effect: "the actor is stopped",
  }),
  restartsWithinMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "the window in which restartsMax counts",
    effect: "older restarts are forgotten",
  }),
  nameCharactersMax: limit({
    default: 512,
    unit: "characters",
    reason: "names appear in paths, logs and journals",
    effect: "spawn throws TROUPE_NAME_INVALID",
  }),
  // ── persistent actors ──────────────────────────────────────────────────────────────────
  payloadDepthMax: limit({
    default: 100,
    unit: "items",
    reason: "deeper data is almost always a cycle or a tree that should be a list",
    effect: "persist throws TROUPE_PAYLOAD_INVALID with the path",
  }),
  unconfirmedTurnsMax: limit({
    default: 1_000,
    unit: "items",
    least: 1,
    reason: "how far one entity runs ahead of the log; bounds what a lost commit throws away",
    effect: "the entity waits for the log before it takes its next command",
  }),
  idempotencyKeysMax: limit({
    default: 1_000,
    unit: "items",
    reason: "keys whose first reply an entity remembers; retries come within seconds",
    effect: "the oldest key is forgotten: a repeat of it runs again",
  }),
  idempotencyBytesMax: limit({
    default: 131_072,
    unit: "bytes",
    reason: "remembered replies are part of every snapshot, which must fit into one event",
    effect: "the oldest keys are forgotten first",
  }),
  idempotencyKeyCharactersMax: limit({
    default: 256,
    unit: "characters",
    reason: "a key is a name, not data",
    effect: "the call fails with TROUPE_OPTION_INVALID",
  }),
  durableTimersMax: limit({
    default: 1_000,
    unit: "items",
    reason: "timers are part of an entity's state and of every snapshot",
    effect: "timers.start throws TROUPE_TIMERS_FULL",
  }),
  timerRetryMaxMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "the longest pause between attempts of a durable timer whose handler throws",
    effect: "pauses double from 1 s up to this; the timer stays until its handler succeeds",
  }),
  effectsPendingMax: limit({
    default: 1_000,
    unit: "items",
    reason:
      "effects that have not succeeded yet are part of an entity's state and of every snapshot",
    effect: "effects.run throws TROUPE_EFFECTS_FULL",
  }),
  effectsAtOnceMax: limit({
    default: 8,
    unit: "items",
    least: 1,
    reason: "one actor must not keep all of a service busy that its effects call",
    effect: "further effects of the same entity wait for the end of one",
  }),
  effectTimeoutMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "time for one attempt of a reliable effect, longer than any sound call of a service",
    effect: "its signal fires, and the attempt counts as failed",
  }),
  effectAttemptsMax: limit({
    default: 20,
    unit: "times",
    reason: "with the pauses between them about an hour: what fails for so long wants a person",
    effect: "the effect is parked: kept, logged, listed by system.parkedEffects()",
  }),
  effectRetryMaxMs: limit({
    default: 300_000,
    unit: "milliseconds",
    reason: "the longest pause between attempts of a reliable effect",
    effect: "pauses double from 1 s up to this",
  }),
  recoveriesMax: limit({
    default: 50,
    unit: "items",
    least: 1,
    reason: "entities that read their events at the same time; more would only fight for the store",
    effect: "further entities wait in turn, and their commands with them",
  }),
  recoveryTimeoutMs: limit({
    default: 30_000,
    unit: "milliseconds",
    least: 1,
    reason: "a recovering entity that cannot read any of its events for so long tells its callers",
    effect: "the waiting commands fail with TROUPE_RECOVERY_FAILED; the next one tries again",
  }),
  recoveryRetryMaxMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "the longest pause between attempts to wake an entity whose recovery failed",
    effect: "pauses double from 1 s up to this",
  }),
  passivateAfterMs: limit({
    default: 120_000,
    unit: "milliseconds",
    least: 1,
    reason: "an entity without commands for so long is cheaper to recover than to keep",
    effect: "it leaves memory; the next command or timer brings it back",
  }),
  residentEntitiesMax: limit({
    default: 50_000,
    unit: "items",
    least: 1,
    reason: "entities in memory; small ones take about 2 kB each",
    effect: "the longest unused ones leave memory",
  }),
  snapshotEveryEvents: limit({
    default: 500,
    unit: "items",
    reason: "keeps a recovery below some milliseconds",
    effect: "the entity's state is written into the log as a base event",
  }),
  memorySnapshotBytesMax: limit({
    default: 268_435_456,
    unit: "bytes",
    reason: "snapshots in memory are a cache and must not crowd out the actors themselves",
    effect: "the snapshots saved longest ago are dropped; those entities recover from the log",
  }),
  redisSnapshotChunkBytes: limit({
    default: 524_288,
    unit: "bytes",
    reason: "one command of Redis holds up all others; of this size for about a millisecond",
    effect: "a larger snapshot is written in several commands, its manifest last",
  }),
  redisSnapshotsSavingBytesMax: limit({
    default: 67_108_864,
    unit: "bytes",
    reason: "snapshots on their way to a slow server are held in memory",
    effect: "the save fails with TROUPE_SNAPSHOT_STORE_UNAVAILABLE; the next one is tried again",
  }),
  snapshotEveryBytes: limit({
    default: 1_048_576,
    unit: "bytes",
    reason: "keeps a recovery short for entities with large events",
    effect: "the entity's state is written into the log as a base event",
  }),
  // ── server ─────────────────────────────────────────────────────────────────────────────
  helloTimeoutMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason: "an agent has its hello ready before it dials",
    effect: "the session is ended with a reason; the agent dials again",
  }),
  agentLabelsMax: limit({
    default: 64,
    unit: "items",
    reason: "labels are matched for every placement",
    effect: "the hello is refused for good, the enrolment with INVALID_ARGUMENT",
  }),
  agentTextCharactersMax: limit({
    default: 256,
    unit: "characters",
    reason: "names, versions and labels of agents are shown in tables",
    effect: "the hello is refused for good, the enrolment with INVALID_ARGUMENT",
  }),
  agentSlotsMax: limit({
    default: 1_024,
    unit: "items",
    reason: "one agent process that runs more at once is a mistake in its configuration",
    effect: "the hello is refused for good",
  }),
  agentHoldingMax: limit({
    default: 10_000,
    unit: "items",
    reason: "what an agent may have kept while the server was away",
    effect: "the hello is refused for good",
  }),
  sessionAnswersMax: limit({
    default: 1_024,
    unit: "items",
    reason: "results that a session remembers to have acknowledged, to answer repeats",
    effect: "a repeat of an older one is answered as an attempt that is not held",
  }),
  logChunkBytesMax: limit({
    default: 262_144,
    unit: "bytes",
    reason: "the agent flushes far below it; bounds what one message takes in memory",
    effect: "the session is ended with a reason",
  }),
  logWindowBytes: limit({
    default: 4_194_304,
    unit: "bytes",
    reason: "what one attempt may have under way: 100 MB/s over 40 ms of network and disk",
    effect: "the session is read no further until bytes are stored",
  }),
  agentStreamWindowBytes: limit({
    default: 1_048_576,
    unit: "bytes",
    reason: "unread bytes of one stream of an agent: 25 MB/s over 40 ms of network",
    effect: "the agent waits until the session has read on",
  }),
  agentConnectionWindowBytes: limit({
    default: 2_097_152,
    unit: "bytes",
    reason: "unread bytes of one connection: a transfer beside the session must not hold it up",
    effect: "the agent waits until one of its streams has been read on",
  }),
  logGapTimeoutMs: limit({
    default: 5_000,
    unit: "milliseconds",
    reason: "several round trips of a slow network: a gap that stays longer is not being closed",
    effect: "the session is ended; the agent dials again and sends from its last acknowledgement",
  }),
  logHoleBytesMax: limit({
    default: 1_073_741_824,
    unit: "bytes",
    reason: "what an agent keeps unacknowledged at most; a larger hole is nonsense",
    effect: "the session is ended with a reason",
  }),
  tokenTtlMs: limit({
    default: 900_000,
    unit: "milliseconds",
    reason: "time to paste a token into another terminal",
    effect: "the token is refused as expired",
  }),
  tokenTtlMsMax: limit({
    default: 2_592_000_000,
    unit: "milliseconds",
    reason: "a one-time token that lives longer than 30 days is a credential",
    effect: "the request is refused",
  }),
  // ── identity of agents ─────────────────────────────────────────────────────────────────
  authorityTtlMs: limit({
    default: 157_680_000_000,
    unit: "milliseconds",
    reason: "five years: agents learn a new authority by themselves long before",
    effect: "a new authority begins authorityRenewBeforeMs before it",
  }),
  authorityRenewBeforeMs: limit({
    default: 15_552_000_000,
    unit: "milliseconds",
    reason: "180 days: a server that is started twice a year still changes in time",
    effect: "a new authority begins by itself",
  }),
  authorityOverlapMs: limit({
    default: 1_382_400_000,
    unit: "milliseconds",
    reason:
      "16 days, twice certificateTtlMs and certificateRenewGraceMs together: in each half every agent that may renew can",
    effect:
      "what the older authority has signed counts no more; an agent that was away enrols again",
  }),
  authoritiesTrustedMax: limit({
    default: 4,
    unit: "items",
    reason: "each is tried for every connection and sent with every certificate",
    effect: "a further rotation is refused until an overlap has ended",
  }),
  certificateTtlMs: limit({
    default: 86_400_000,
    unit: "milliseconds",
    reason: "a day: a stolen copy is soon worth nothing, and a night without a server does no harm",
    effect: "its session is ended; agents renew at two thirds of it",
  }),
  certificateTtlMsMax: limit({
    default: 2_592_000_000,
    unit: "milliseconds",
    reason: "30 days: there is no list of revoked certificates, only the deny list",
    effect: "the option is refused",
  }),
  certificateTtlMsMin: limit({
    default: 5_000,
    unit: "milliseconds",
    reason: "a renewal on a slow network must fit into the last third",
    effect: "the option is refused",
  }),
  certificateRenewGraceMs: limit({
    default: 604_800_000,
    unit: "milliseconds",
    reason:
      "7 days: a server that was away over a holiday must not leave every agent without identity",
    effect:
      "an older certificate cannot be renewed, its agent enrols again; it opens no session at once",
  }),
  certificateBackdateMs: limit({
    default: 86_400_000,
    unit: "milliseconds",
    reason: "a clock set to local time in place of UTC is up to 14 hours off",
    effect: "a peer whose clock is further behind refuses the certificate as not yet valid",
  }),
  serverCertificateTtlMs: limit({
    default: 1_209_600_000,
    unit: "milliseconds",
    reason: "14 days, renewed at two thirds: agents whose clocks are days ahead still accept it",
    effect: "the server makes itself a new one",
  }),
  clockSkewMs: limit({
    default: 300_000,
    unit: "milliseconds",
    reason: "how far the clocks of the servers of one system may be apart",
    effect: "an agent's certificate that begins later is refused as not yet valid",
  }),
  tlsHandshakeTimeoutMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason: "several round trips of a bad network; a connection that says nothing holds memory",
    effect: "the connection is cut",
  }),
  enrolmentFailuresMax: limit({
    default: 20,
    unit: "times",
    reason: "mistakes of a person with a script; a guesser needs 2^255 tries",
    effect: "enrolments from that address are put off until enrolmentFailuresWithinMs have passed",
  }),
  enrolmentFailuresWithinMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "the window in which enrolmentFailuresMax counts",
    effect: "older failures are forgotten",
  }),
  enrolmentAddressesMax: limit({
    default: 10_000,
    unit: "items",
    reason: "addresses whose failures are counted, some 100 bytes each",
    effect: "the address that failed longest ago is forgotten",
  }),
  auditEntriesMax: limit({
    default: 1_000,
    unit: "items",
    reason: "what a person looks through, and what fits into one snapshot",
    effect: "the oldest entry is dropped; the totals per kind stay",
  }),
  auditRepeatMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason:
      "the first of a kind is written at once; an attacker must not fill the journal with more",
    effect: "further ones of the same kind, agent and address become one entry with their number",
  }),
  auditSubjectsMax: limit({
    default: 256,
    unit: "items",
    reason: "kinds, agents and addresses that are counted apart at one time",
    effect: "further ones of a kind are counted together, without naming the agent",
  }),
  auditTextCharactersMax: limit({
    default: 300,
    unit: "characters",
    reason: "an entry is one line; what an agent says of itself may be long",
    effect: "the text is cut there",
  }),
  runsListedMax: limit({
    default: 1_000,
    unit: "items",
    reason: "what fits into one answer and on one page",
    effect: "the list is cut there",
  }),
  watchReplaysMax: limit({
    default: 8,
    unit: "items",
    reason: "logs of ended attempts that one watcher reads at once",
    effect: "further ones wait for their turn",
  }),
  serverStopDeadlineMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason: "time for streams to end by themselves when the server stops",
    effect: "they are cut",
  }),
  controlCallTimeoutMs: limit({
    default: 30_000,
    unit: "milliseconds",
    reason: "longer than any answer that needs the journal",
    effect: "the call fails with TROUPE_SERVER_UNREACHABLE, outcome unknown",
  }),
  agentStartTimeoutMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "a container image may have to be fetched",
    effect: "the agent is destroyed and counts as a failed start",
  }),
  agentIdleTimeoutMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "longer than the gap between two jobs, short enough to give memory back",
    effect: "the agent is drained and destroyed",
  }),
  supplyBackoffMs: limit({
    default: 1_000,
    unit: "milliseconds",
    reason: "first pause after a failed start; doubles with each further one",
    effect: "no agent is started meanwhile; jobs show the reason",
  }),
  supplyBackoffMsMax: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "a provider that came back is noticed within a minute",
    effect: "the pause grows no further",
  }),
  // ── pipelines ──────────────────────────────────────────────────────────────────────────
  pipelineFileBytesMax: limit({
    default: 1_048_576,
    unit: "bytes",
    reason:
      "some thousand jobs; what is bigger is generated and should be built with definePipeline",
    effect: "the file is refused with TROUPE_PIPELINE_INVALID before it is parsed",
  }),
  pipelineNestingMax: limit({
    default: 64,
    unit: "items",
    reason: "brackets within brackets in a file; a pipeline needs three",
    effect: "the file is refused with TROUPE_PIPELINE_INVALID",
  }),
  pipelineNodesMax: limit({
    default: 200_000,
    unit: "items",
    reason:
      "values read from one file with all its aliases followed, so that a small file cannot unfold into a huge one",
    effect: "the file is refused with TROUPE_PIPELINE_INVALID",
  }),
  pipelineProblemsMax: limit({
    default: 100,
    unit: "items",
    reason: "problems reported at once; the rest is counted",
    effect: "further problems of the same definition are counted, not described",
  }),
  pipelineJobsMax: limit({
    default: 200_000,
    unit: "items",
    reason: "checked and run in time and memory linear in the jobs",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  pipelineParametersMax: limit({
    default: 100,
    unit: "items",
    reason: "parameters are typed in by people",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  pipelineTimeoutMsMax: limit({
    default: 2_592_000_000,
    unit: "milliseconds",
    reason: "30 days; longer work is several runs",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  parameterCharactersMax: limit({
    default: 32_768,
    unit: "characters",
    reason: "parameters reach jobs as environment variables, which the system bounds",
    effect: "the run is refused with TROUPE_RUN_INVALID",
  }),
  jobScriptCharactersMax: limit({
    default: 262_144,
    unit: "characters",
    reason: "longer scripts belong into a file of the project",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobVariablesMax: limit({
    default: 1_000,
    unit: "items",
    reason: "environment variables and secrets of one job",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobOutputsMax: limit({
    default: 100,
    unit: "items",
    reason: "outputs are small facts for other jobs, stored with the run",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobArtifactsMax: limit({
    default: 100,
    unit: "items",
    reason: "a folder is one artifact, whatever is in it",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobCachesMax: limit({
    default: 20,
    unit: "items",
    reason: "one for each tool that keeps what it has fetched or built",
    effect: "the definition is refused",
  }),
  cacheRestoreKeysMax: limit({
    default: 10,
    unit: "items",
    reason: "each is looked for in all that the pipeline has cached",
    effect: "the definition is refused",
  }),
  cacheKeyCharactersMax: limit({
    default: 512,
    unit: "characters",
    reason: "as much as GitHub allows: keys are compared one by one",
    effect:
      "the definition is refused; a key that its holes make longer is not used, and the job's log says so",
  }),
  jobOutputsBytesMax: limit({
    default: 65_536,
    unit: "bytes",
    reason:
      "all outputs of one attempt; they are part of the run's events and of dependents' environment",
    effect: "the attempt fails, and the reason names the size",
  }),
  jobLabelsMax: limit({
    default: 64,
    unit: "items",
    reason: "labels are matched for every placement",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobAttemptsMax: limit({
    default: 100,
    unit: "times",
    reason: "a job that fails this often will not succeed by itself",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobKillGraceMsMax: limit({
    default: 600_000,
    unit: "milliseconds",
    reason: "a cancel must end within minutes",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  jobMemoryBytesMin: limit({
    default: 4 * 1024 * 1024,
    unit: "bytes",
    reason: "with less not even a shell starts: the job would die before its first command",
    effect: "the definition is refused with TROUPE_PIPELINE_INVALID",
  }),
  lostAttemptsMax: limit({
    default: 5,
    unit: "times",
    reason: "a job whose agents die this often most likely kills them",
    effect: "the job has failed, and the reason says so",
  }),
  runEventsPerTurnMax: limit({
    default: 1_000,
    unit: "items",
    reason: "keeps one commit of a large run below the journal's frame size",
    effect: "the run goes on in a further turn at once",
  }),
  // ── journal ────────────────────────────────────────────────────────────────────────────
  eventBytesMax: limit({
    default: 4 * 1024 * 1024,
    unit: "bytes",
    least: 1024,
    reason:
      "holds a run's definition with thousands of jobs, and its snapshot; a frame holds two of them",
    effect: "the commit fails with TROUPE_EVENT_TOO_LARGE, and no number was taken",
  }),
  persistenceIdBytesMax: limit({
    default: 2_048,
    unit: "bytes",
    least: 1,
    reason: "every id stands in each of its events and in memory while its shard is served",
    effect: "the commit fails with TROUPE_NAME_INVALID",
  }),
  frameBytes: limit({
    default: 1_048_576,
    unit: "bytes",
    least: 1,
    reason:
      "one frame is one write; beyond this size more in it gains nothing and everybody waits longer",
    effect: "further commits go into the next frame; a single larger commit has a frame of its own",
  }),
  stagedBytesMax: limit({
    default: 16_777_216,
    unit: "bytes",
    least: 1,
    reason: "what one shard holds back while the journal is slow or away; seconds of full load",
    effect: "commits fail with TROUPE_SHARD_BUSY until the journal takes more",
  }),
  appendsInFlightMax: limit({
    default: 1,
    unit: "items",
    least: 1,
    reason:
      "right for a disk: a second call would only halve the batches; over a network 2 gain more",
    effect: "frames wait and share the next call",
  }),
  appendSlowMs: limit({
    default: 200,
    unit: "milliseconds",
    reason:
      "beyond what a sound store takes; one frozen broker must not hold up the shards of the others",
    effect: "further calls go out beside one that has no result yet",
  }),
  appendRetryPauseMs: limit({
    default: 20,
    unit: "milliseconds",
    reason: "the first pause before a frame of unknown fate is sent again",
    effect: "pauses double up to 200 ms, and where a shard is claimed and recovered up to 1 s",
  }),
  uncertainMaxMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason: "covers a leader election; callers have long been told that their outcome is unknown",
    effect:
      "commits fail with TROUPE_JOURNAL_UNCERTAIN, and the shard is claimed and recovered anew",
  }),
  shardOpenTimeoutMs: limit({
    default: 30_000,
    unit: "milliseconds",
    least: 1,
    reason: "how long a caller waits for a shard to be recovered and claimed",
    effect: "it fails with TROUPE_SHARD_NOT_SERVING; the shard goes on trying",
  }),
  reclaimsMax: limit({
    default: 3,
    unit: "times",
    reason: "two nodes that both believe they own a shard must not depose each other for ever",
    effect: "the shard is reported as stalled and waits for a new view or stalledRetryMs",
  }),
  stalledRetryMs: limit({
    default: 30_000,
    unit: "milliseconds",
    reason: "a stalled or unreadable shard heals by itself when its cause has gone",
    effect: "it is opened again",
  }),
  checkpointEveryEvents: limit({
    default: 50_000,
    unit: "items",
    least: 1,
    reason: "what a recovery sweeps beyond the checkpoint; some 50 ms of work",
    effect: "the changes of the directory are written into the log",
  }),
  checkpointEveryBytes: limit({
    default: 16_777_216,
    unit: "bytes",
    least: 1,
    reason: "what a recovery reads beyond the checkpoint",
    effect: "the changes of the directory are written into the log",
  }),
  checkpointFullEvery: limit({
    default: 16,
    unit: "items",
    reason: "checkpoints that a recovery reads at most, one of them full",
    effect: "the next checkpoint holds the whole directory",
  }),
  checkpointPartBytes: limit({
    default: 262_144,
    unit: "bytes",
    least: 1024,
    reason: "a part holds up the commits behind it for as long as it is being written",
    effect: "the checkpoint goes on in another frame",
  }),
  readPageBytes: limit({
    default: 1_048_576,
    unit: "bytes",
    least: 1,
    reason: "big enough for full speed, small beside the heap",
    effect: "a read brings about so much; the next read brings more",
  }),
  replayBufferBytes: limit({
    default: 4_194_304,
    unit: "bytes",
    reason: "frames of one recovering entity that are kept from the way back for the way forward",
    effect: "the other frames are read a second time",
  }),
  frameCacheBytes: limit({
    default: 16_777_216,
    unit: "bytes",
    reason: "entities that recover together have their events in the same frames",
    effect: "the longest unused frames are read from the journal again",
  }),
  framePageBytes: limit({
    default: 262_144,
    unit: "bytes",
    least: 1,
    reason: "a hundred frames for one round trip, and small beside the cache that it fills",
    effect: "more is read in several pages",
  }),
  cutAfterBytes: limit({
    default: 268_435_456,
    unit: "bytes",
    reason: "what a node writes before it is worth copying the living part forward",
    effect: "bases are written for old entities, and the log below is cut",
  }),
  // ── journal ────────────────────────────────────────────────────────────────────────────
  journalRecordBytesMax: limit({
    default: 8 * 1024 * 1024,
    unit: "bytes",
    reason: "one record is one group commit; the same for every store, so that a journal can move",
    effect: "the append is refused with TROUPE_RECORD_TOO_LARGE",
  }),
  journalBatchBytesMax: limit({
    default: 4 * 1024 * 1024,
    unit: "bytes",
    reason: "a write and a sync of more take longer than the callers of the next one should wait",
    effect: "what does not fit goes out with the next batch; a larger record goes out alone",
  }),
  journalSegmentBytes: limit({
    default: 64 * 1024 * 1024,
    unit: "bytes",
    reason: "room is given back by whole files; a full one is read again in a tenth of a second",
    effect: "the embedded journal goes on in a new file",
  }),
  journalOpenFilesMax: limit({
    default: 16,
    unit: "items",
    reason: "full segments that are read from at the same time",
    effect: "the file used longest ago is closed, and opened again when it is read from",
  }),
  journalIndexBytesMax: limit({
    default: 64 * 1024 * 1024,
    unit: "bytes",
    reason: "eight bytes a record: the places of eight million records in full segments",
    effect: "the index used longest ago is dropped, and read from its file again when wanted",
  }),
  journalReadCacheBytesMax: limit({
    default: 32 * 1024 * 1024,
    unit: "bytes",
    reason: "the pages of 64 shards that are recovered side by side lie in about that much log",
    effect: "what was read longest ago is read again when it is wanted again",
  }),
  memoryJournalBytesMax: limit({
    default: 1024 * 1024 * 1024,
    unit: "bytes",
    reason: "below what a process of Node may hold outside of its heap on a small machine",
    effect: "appends are refused with TROUPE_JOURNAL_FULL until something is cut",
  }),
  // ── scheduler, workers, logs ───────────────────────────────────────────────────────────
  queuedAttemptsMax: limit({
    default: 100_000,
    unit: "items",
    reason: "about 50 MB of soft state; the runs keep what does not fit, in the journal",
    effect: "submit fails with TROUPE_QUEUE_FULL and the run submits again every submitAgainMs",
  }),
  submitAgainMs: limit({
    default: 1_000,
    unit: "milliseconds",
    reason: "a full queue needs time to drain; a run with many queued jobs looks at all of them",
    effect: "how long a run waits after TROUPE_QUEUE_FULL",
  }),
  demandIntervalMs: limit({
    default: 100,
    unit: "milliseconds",
    reason: "starting an agent takes longer, and a burst of jobs is seen as one",
    effect: "listeners of the demand hear at most this often",
  }),
  workersListedMax: limit({
    default: 10_000,
    unit: "items",
    reason: "workers remembered in memory, those lost or gone included",
    effect: "the one that left first is no longer listed",
  }),
  leaseMs: limit({
    default: 30_000,
    unit: "milliseconds",
    reason:
      "longer than a restart of the server or a change of the network, short enough to requeue",
    effect: "a worker that gave no sign of life for this long plus leaseGraceMs is lost",
  }),
  leaseGraceMs: limit({
    default: 10_000,
    unit: "milliseconds",
    reason: "an agent that cannot renew kills its jobs at leaseMs; this is the time for that",
    effect: "part of the time until a silent worker is lost and its jobs are queued again",
  }),
  concurrencyGroupCharactersMax: limit({
    default: 200,
    unit: "characters",
    reason: "the group's name becomes part of the id of its actor",
    effect: "the pipeline is refused; a name that parameters make longer is cut off there",
  }),
  concurrencyWaitingMax: limit({
    default: 10_000,
    unit: "items",
    reason: "runs and jobs that wait in one concurrency group stand in its state",
    effect: "what comes then is asked for again until there is room; it waits in its run",
  }),
  declinePauseMs: limit({
    default: 5_000,
    unit: "milliseconds",
    reason: "an agent declines when it drains or is full; both are over, or known here, soon after",
    effect: "a worker whose agent declined an attempt is offered no other for so long",
  }),
  repeatMsMax: limit({
    default: 10_000,
    unit: "milliseconds",
    reason:
      "reports between workers and runs are repeated until answered, each pause twice the last one",
    effect: "the longest pause between two repetitions",
  }),
  logFilesOpenMax: limit({
    default: 256,
    unit: "items",
    reason: "a quarter of the usual 1,024 descriptors of a process",
    effect: "the log file unused for longest is closed; where all are in use the next one waits",
  }),
  logWaitingBytesMax: limit({
    default: 16 * 1024 * 1024,
    unit: "bytes",
    reason: "bytes of one log that wait for the disk; senders stop earlier, at logWindowBytes",
    effect: "an append fails with TROUPE_LOG_BEHIND",
  }),
  logSegmentBytes: limit({
    default: 8_388_608,
    unit: "bytes",
    reason: "one object of a long log in an object store, and what moving it takes in memory",
    effect: "a log that is still written goes into its blob in pieces of this size",
  }),
  logArchivesAtOnce: limit({
    default: 4,
    unit: "items",
    reason:
      "logs that are moved into blobs at the same time; more would compete with those written",
    effect:
      "further logs that have ended wait in their folder, where they can be read all the same",
  }),
  logArchiveRetryMaxMs: limit({
    default: 60_000,
    unit: "milliseconds",
    reason: "the longest pause before a log is tried again that the blob store did not take",
    effect: "pauses double from 1 s up to this; the log stays in its folder",
  }),
  logLineBytesMax: limit({
    default: 1_048_576,
    unit: "bytes",
    reason: "a line that a search holds until its end comes; logs of binary data have none",
    effect: "a longer line is searched in parts, and what matches is one of them",
  }),
  logSearchCharactersMax: limit({
    default: 1_000,
    unit: "characters",
    reason: "what people look for is a word or a message",
    effect: "the request fails with TROUPE_REQUEST_INVALID",
  }),
  logReadsPerRound: limit({
    default: 16,
    unit: "items",
    reason:
      "a piece for each of 16 readers takes about a millisecond, as long as what agents send may wait",
    effect: "further readers of logs get their next piece after the next round of input and output",
  }),
  attemptFilesMax: limit({
    default: 16,
    unit: "items",
    reason: "artifacts and a summary are two; each is an event in the run's journal",
    effect: "a further file is refused, and the attempt fails",
  }),
  logTimeResolutionMs: limit({
    default: 50,
    unit: "milliseconds",
    reason: "the pace at which an agent sends what trickles",
    effect: "lines that came closer together have the time of the first of them",
  }),
  uploadKeptMs: limit({
    default: 86_400_000,
    unit: "milliseconds",
    reason: "a day: an agent that was away over a night goes on with what it has sent",
    effect: "what was kept of an upload is deleted; its next try begins anew",
  }),
  logSweepIntervalMs: limit({
    default: 600_000,
    unit: "milliseconds",
    reason:
      "retention is counted in days and gigabytes; listing the logs of thousands of runs costs",
    effect: "a log whose time is over may stay that much longer",
  }),
  // ── blobs ──────────────────────────────────────────────────────────────────────────────
  blobBytesMax: limit({
    default: 5 * 1024 * 1024 * 1024,
    unit: "bytes",
    reason: "what an S3 server copies in one call, so that every store takes the same",
    effect: "the put fails with TROUPE_BLOB_TOO_LARGE, and nothing is kept",
  }),
  cachesBytesMax: limit({
    default: 10 * 1024 * 1024 * 1024,
    unit: "bytes",
    reason: "dozens of dependency folders; as much as GitHub keeps for one repository",
    effect:
      "the caches that were not used for longest are deleted; one that is larger by itself is not saved",
  }),
  cacheUnusedMs: limit({
    default: 7 * 86_400_000,
    unit: "milliseconds",
    reason: "a week: what nobody has asked for by then is most likely out of date",
    effect: "the cache is deleted",
  }),
  cacheUseNotedMs: limit({
    default: 3_600_000,
    unit: "milliseconds",
    reason: "an hour: eviction counts in days, and each use that is noted is an event",
    effect: "a further use within it changes nothing",
  }),
  cacheEntriesMax: limit({
    default: 2_000,
    unit: "items",
    reason: "the index is one entity: its state stays below half of an event's bound",
    effect: "the entries that were not used for longest are dropped",
  }),
  blobNameCharactersMax: limit({
    default: 800,
    unit: "characters",
    reason: "an object store takes 1,024 bytes with its prefix and what we add",
    effect: "the call fails with TROUPE_NAME_INVALID",
  }),
  blobsKnownMax: limit({
    default: 1_000,
    unit: "items",
    reason: "growing blobs in an object store whose pieces are remembered between two appends",
    effect: "the one used longest ago is listed again when it is appended to or read",
  }),
  runsKnownMax: limit({
    default: 1_000,
    unit: "items",
    reason:
      "the list of runs is one entity's state; a run that left it can still be asked for by its id",
    effect: "the oldest run leaves the list",
  }),
  watchChangesMax: limit({
    default: 1_000,
    unit: "items",
    reason: "changes that wait for one slow watcher of a run",
    effect: "it gets the newest state of each changed job instead of every step",
  }),
} satisfies Record<string, Limit>;

export type LimitName = keyof typeof limitTable;
export type Limits = { readonly [L in LimitName]: number };

/** The defaults of all bounds. */
export const limits: Limits = Object.fromEntries(
  Object.entries(limitTable).map(([name, { default: value }]) => [name, value]),
) as Limits;
