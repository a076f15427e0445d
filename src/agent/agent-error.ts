/** The agent cannot go on, and its operator has to do something. The message says what. */
export class AgentError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.name = "AgentError";
    this.exitCode = exitCode;
  }
}

/** What `troupe-agent` exits with. */
export const exitCodes = {
  /** Drained, or stopped, and every result was acknowledged. */
  done: 0,
  /** This machine stands in the way: folders, locks, programs. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** The server refuses this agent, its token or its identity, for good. */
  refused: 3,
  /** Stopped while results were still unacknowledged: the server will count those attempts as lost. */
  unreported: 4,
  /** No server was there for as long as the agent was told to wait for one. */
  gaveUp: 5,
} as const;
