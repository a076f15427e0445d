/**
 * Every bound of the agent: unit in the name, the reason, and what happens at the limit.
 * What the server decides (heartbeat, lease, flush delay, log window) comes with its Welcome.
 */
export const agentLimits = {
  /** Jobs at once, as set by the operator. More slots than this is a typing error, and refused. */
  slotsMax: 1_000,

  /** A label's name or value, and the agent's name, in characters: they end up in tables and metrics. Longer is refused. */
  labelCharsMax: 256,

  /** Processes that wait for a job, at most one per slot: a few jobs that come together find one each, and each takes under a megabyte. Beyond it jobs wait for a fork of the agent. */
  readyProcessesMax: 4,

  /** From a job's start until the process that it took is replaced: the fork should not be in the way of that job. */
  replenishMs: 5,

  /** A job's environment in all, bytes: systems take about twice that. A larger one fails the job. */
  environmentBytesMax: 1024 * 1024,

  /** One variable of a job's environment, bytes: Linux takes no more. A larger one fails the job. */
  environmentValueBytesMax: 128 * 1024 - 1,

  /** The largest message taken from the server: a script with its environment. Larger cuts the link, visibly. */
  receiveBytesMax: 8 * 1024 * 1024,

  /** One attempt's log. At the limit a mark says that it is cut there; the job goes on, and what it prints is counted and dropped. */
  logBytesMax: 16 * 1024 * 1024 * 1024,

  /** The largest piece of log in one message: large enough that messages cost little, small enough to share the link fairly. On a slow link pieces are smaller. */
  logChunkBytesMax: 256 * 1024,

  /** Log bytes of one attempt on their way when a link opens, and on a slow link at least. More follows as acknowledgements come fast, up to the server's window. */
  logFlightBytesMin: 64 * 1024,

  /** An acknowledgement that took longer: half as much may be on the way, or heartbeats would wait behind log bytes until the lease is over. */
  logFlightSlowMs: 1_000,

  /** An acknowledgement of a full flight that took less: twice as much may be on the way. */
  logFlightFastMs: 250,

  /** Log bytes of one attempt that wait for the link while it is open. At the limit the job's pipe is not read, so the job waits. */
  logUnsentBytesMax: 1024 * 1024,

  /** Within this, bytes of a log count as come at the same time: the pace at which a trickle is sent. */
  logTimeResolutionMs: 50,

  /** Marks of when log bytes came that one attempt keeps until the server has the bytes: three minutes without a pause; beyond it they get coarser. */
  logTimesMax: 4_096,

  /** Unacknowledged log bytes of one attempt kept in memory: more than a server's usual window and what waits for it. Beyond it they go to files in the attempt's folder. */
  logMemoryBytesMax: 8 * 1024 * 1024,

  /** Unacknowledged log bytes of one attempt in all, memory and files. At the limit (or on a full disk) the job's pipe is not read. */
  logSpoolBytesMax: 1024 * 1024 * 1024,

  /** One file of the spool: freed as a whole when all of it is acknowledged. */
  logSegmentBytes: 8 * 1024 * 1024,

  /** Results that wait for their acknowledgement. At the limit new assignments are declined. */
  unacknowledgedMax: 1_000,

  /** Attempts remembered after their acknowledgement, so that a repeated assignment starts nothing. The oldest is forgotten. */
  rememberedMax: 1_000,

  /** Secrets of one job, bytes of all values together: they pass through a pipe and each is searched for in nine forms. More is refused. */
  secretsBytesMax: 64 * 1024,

  /** Secrets shorter than this (bytes) are not masked, as they would punch holes into any text; the log says so. */
  maskedBytesMin: 4,

  /** The file that a job writes its outputs to. A larger one fails the job. */
  outputsFileBytesMax: 1024 * 1024,

  /** One output's value: outputs end up in the journal. A larger one fails the job. */
  outputValueBytesMax: 64 * 1024,

  /** What a job may write to $TROUPE_STEP_SUMMARY: it is for people to read. Of more, the beginning is kept, with a mark. */
  summaryBytesMax: 1024 * 1024,

  /** How long a job's leftovers may still write after its main process ended (a `tee` that empties its pipe). Then SIGKILL. */
  lingerMs: 500,

  /** One packed archive of a job's files, in bytes. More fails the job. */
  archiveBytesMax: 4 * 1024 * 1024 * 1024,

  /** What may come out of an archive in all, bytes: a small one must not fill the disk. More fails the job. */
  archiveUnpackedBytesMax: 16 * 1024 * 1024 * 1024,

  /** Files, folders and links in one archive. More fails the job. */
  archiveEntriesMax: 500_000,

  /** A name in an archive, with its folders: what file systems take. A longer one fails the job. */
  archivePathCharsMax: 4_096,

  /** One piece of a file on its way to the server. */
  transferChunkBytes: 256 * 1024,

  /** A cache's key, in bytes. A longer one is not used, and the log says so. */
  cacheKeyBytesMax: 512,

  /** Files and folders that are looked at for hashFiles. With more in the workspace, the cache is not used, and the log says so. */
  hashFilesEntriesMax: 500_000,

  /** How long a job waits for the server's word on a cache. Then it goes on without. */
  cacheAnswerMs: 30_000,

  /** How long a cache may be on its way, there or back. Then the job goes on without. */
  cacheTransferMs: 600_000,

  /** Tries of a checkout when the network fails. Then it has failed. */
  checkoutTriesMax: 4,

  /** The pause before the second try of a checkout; doubled for each further one. */
  checkoutRetryMs: 1_000,

  /** One try of a checkout: large repositories take minutes. Then git is killed, and it is tried again. */
  checkoutMs: 1_800_000,

  /** The end of what git says that is kept to find out why it failed, bytes. */
  checkoutTailBytes: 8 * 1024,

  /** Between two looks at what running jobs use: seldom enough to cost nothing, often enough to end one that is out of memory. */
  usageLookMs: 1_000,

  /** How long killed processes get to vanish (one in an uninterruptible system call may not). Then the log names them. */
  killWaitMs: 5_000,

  /** How long the pipe may stay open after all known processes are gone: only an escaped one can hold it. Then it is closed. */
  pipeCloseMs: 1_000,

  /** What such a pipe may still hold, bytes: a pipe's usual largest size. Beyond it the pipe is closed. */
  pipeBytesMax: 1024 * 1024,

  /** From dialling to Welcome. Then the link is cut and dialled again. */
  welcomeMs: 10_000,

  /** Heartbeats since anything came, in intervals of the server. Then the link counts as dead and is dialled again. */
  heartbeatsMissedMax: 3,

  /** Unanswered heartbeats whose time is remembered, on a link that is slow but alive. The oldest is forgotten: it could renew nothing any more. */
  heartbeatsUnansweredMax: 100,

  /** Between two heartbeats at least, whatever the server asks: an agent must not spin. */
  heartbeatMsMin: 10,

  /** The delay before the first repeated dial; doubled each time, each drawn between 0 and the full value. */
  redialMsMin: 250,

  /** The longest delay between two dials. */
  redialMsMax: 10_000,

  /** A link that was open this long was a good one: the next dial is immediate and the delays start over. */
  redialStableMs: 1_000,

  /** How long `stop` waits for the server's acknowledgement of the last results. Then the agent goes, saying so. */
  farewellMs: 10_000,

  /** Between two tries to renew the certificate, at least: the server may be going down under them. */
  renewRetryMsMin: 1_000,

  /** The same at most; towards the certificate's end it is an eighth of what is left. */
  renewRetryMsMax: 600_000,

  /** One enrolment call. Then it is tried again. */
  enrolMs: 10_000,

  /** The agent's own log file; at the limit it becomes `<file>.1` and a new one is begun. */
  logFileBytesMax: 1024 * 1024,
} as const;
