/** What a script may rely on; `troupe --help` lists them. */
export const exitCodes = {
  ok: 0,
  /** The run failed, or the command could not do its work. */
  failed: 1,
  /** The command line or the pipeline is wrong: nothing was started. */
  invalid: 2,
  /** The run was cancelled. */
  cancelled: 3,
  /** Left by a signal before the end; what was watched may go on. As shells say it. */
  interrupted: 130,
} as const;
