/**
 * What workers say of attempts, brought to the runs that own them, and the one place where the values
 * of secrets are asked for: while an assignment is prepared, into the answer and nowhere else.
 */
import type {
  AttemptKey,
  AttemptReports,
  AttemptResult,
  FinishAnswer,
  PrepareAnswer,
  PreparedCheckout,
  ResumeAnswer,
} from "../workers/index.ts";
import type { Report } from "./attempt-standing.ts";
import type { PipelineRunHandle } from "./pipeline-run.ts";
import type { CheckoutInstructions, JobInstructions } from "./run-values.ts";
import type { SecretSource } from "./secret-source.ts";

export interface RunReportsOptions {
  readonly run: (runId: string) => PipelineRunHandle;
  readonly secrets: SecretSource;
  /** The attempt has its worker: it need not be queued any more. */
  readonly assigned: (attempt: AttemptKey) => void;
}

export class RunReports implements AttemptReports {
  readonly #run: RunReportsOptions["run"];
  readonly #secrets: SecretSource;
  readonly #assigned: RunReportsOptions["assigned"];

  constructor({ run, secrets, assigned }: RunReportsOptions) {
    this.#run = run;
    this.#secrets = secrets;
    this.#assigned = assigned;
  }

  async prepare(attempt: AttemptKey, workerId: string): Promise<PrepareAnswer> {
    const answer = await this.#run(attempt.runId).prepare(reportOf(attempt, workerId));
    if ("refused" in answer) return answer;
    this.#assigned(attempt);
    const { instructions } = answer;
    const { values, checkout, missing } = await this.#resolve(attempt, instructions);
    const { checkout: _byName, ...same } = instructions;
    if (missing.length === 0) {
      return { prepared: { ...same, attempt, secrets: values, ...checkout } };
    }
    const reason = missingSecrets(missing);
    await this.finished(attempt, workerId, { outcome: "error", outputs: {}, reason });
    return { refused: reason };
  }

  resumed(attempt: AttemptKey, workerId: string): Promise<ResumeAnswer> {
    return this.#run(attempt.runId).resumed(reportOf(attempt, workerId));
  }

  started(attempt: AttemptKey, workerId: string): Promise<void> {
    return this.#run(attempt.runId).started(reportOf(attempt, workerId));
  }

  finished(attempt: AttemptKey, workerId: string, result: AttemptResult): Promise<FinishAnswer> {
    return this.#run(attempt.runId).finished(reportOf(attempt, workerId), result);
  }

  lost(attempt: AttemptKey, workerId: string, reason: string): Promise<void> {
    return this.#run(attempt.runId).lost(reportOf(attempt, workerId), reason);
  }

  /** Each secret once, also where several variables ask for it. */
  async #resolve({ runId, job }: AttemptKey, instructions: JobInstructions) {
    const { pipeline, secrets, checkout } = instructions;
    const token = checkout?.token;
    const wanted = [...Object.values(secrets), ...(token === undefined ? [] : [token])];
    const names = [...new Set(wanted)];
    const found = new Map(
      await Promise.all(
        names.map(async (name) => {
          const value = await this.#secrets.resolve(name, { runId, pipeline, job });
          return [name, value] as const;
        }),
      ),
    );
    const values: Record<string, string> = {};
    for (const [variable, name] of Object.entries(secrets)) {
      const value = found.get(name);
      if (value !== undefined) values[variable] = value;
    }
    const missing = names.filter((name) => found.get(name) === undefined);
    return { values, checkout: preparedCheckout(checkout, found), missing };
  }
}

function preparedCheckout(
  checkout: CheckoutInstructions | undefined,
  found: ReadonlyMap<string, string | undefined>,
): { readonly checkout: PreparedCheckout } | Record<never, never> {
  if (checkout === undefined) return {};
  const { token: name, ...same } = checkout;
  const value = found.get(name ?? "");
  if (name === undefined || value === undefined) return { checkout: same };
  return { checkout: { ...same, token: { name, value } } };
}

function reportOf({ job, attempt }: AttemptKey, workerId: string): Report {
  return { job, attempt, workerId };
}

function missingSecrets(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`).join(", ");
  return names.length === 1
    ? `the secret ${quoted} has no value on the server`
    : `the secrets ${quoted} have no values on the server`;
}
