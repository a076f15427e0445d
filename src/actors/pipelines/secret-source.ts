/**
 * The port to wherever secrets' values are kept. Asked at the moment an attempt is delivered, never
 * before; what it gives lives in memory until the assignment is written to the agent's stream.
 */
export interface SecretSource {
  /** undefined = there is no such secret: the job fails with a sentence that names it. */
  resolve(name: string, context: SecretContext): Promise<string | undefined>;
}

export interface SecretContext {
  readonly runId: string;
  readonly pipeline: string;
  readonly job: string;
}
