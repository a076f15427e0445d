/**
 * What stored logs say of themselves: their annotations and groups, found where the logs are stored. Read anew for each
 * request, as a search is: a job that says nothing costs nothing while it runs.
 */
import {
  type Annotation as AnnotationMessage,
  type LogGroup,
  type OutlineLogRequest,
  type OutlineLogResponse,
  Severity as SeverityMessage,
} from "../../proto/troupe/control/v1/control.ts";
import { TroupeError } from "../actors/kernel/index.ts";
import {
  type Annotation,
  type AttemptKey,
  LogCommands,
  type LogPiece,
  type LogStore,
  type LogTimesCursor,
  type Severity,
} from "../actors/logs/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import { timesOfPiece } from "./attempt-log.ts";
import { attemptIsOver } from "./attempt-phase.ts";
import { LineSearch } from "./line-search.ts";
import { checkAttempt, checkKept, jobOf, type LogReadingServices } from "./log-reading.ts";
import type { StreamOutput } from "./stream-output.ts";

type OutlineItem = NonNullable<OutlineLogResponse["item"]>;

/** Throws `TROUPE_RUN_NOT_FOUND`, `TROUPE_JOB_NOT_FOUND`, `TROUPE_REQUEST_INVALID`. */
export async function outlineLog(
  services: LogReadingServices & { readonly runs: Pick<Runs, "view"> },
  { runId, job: name, attempt: asked }: OutlineLogRequest,
  output: StreamOutput<OutlineLogResponse>,
): Promise<void> {
  const { runs, logs } = services;
  const run = await runs.view(runId);
  if (run === undefined) throw new TroupeError("TROUPE_RUN_NOT_FOUND", { run: runId });
  if (name === "" && asked !== 0) {
    const problem = "expected the job whose attempt is meant; an attempt by itself means nothing";
    throw new TroupeError("TROUPE_REQUEST_INVALID", { request: "outlineLog", problem });
  }
  for (const job of name === "" ? run.jobs : [jobOf(run, name)]) {
    checkAttempt("outlineLog", asked, job);
    const attempt = asked || job.attempt;
    if (attempt === 0) continue;
    const key = { runId, job: job.name, attempt };
    if (attemptIsOver(job, attempt)) await checkKept(services, run, key);
    for await (const item of outlineOf(logs, key, output.signal)) {
      await output.send({ job: job.name, attempt, item });
    }
  }
}

async function* outlineOf(
  logs: LogStore,
  key: AttemptKey,
  signal: AbortSignal,
): AsyncGenerator<OutlineItem> {
  const search = new LineSearch("::");
  const outline = new Outline(logs.times(key));
  let end = 0;
  for await (const piece of logs.stored(key, 0, signal)) {
    end = piece.offset + piece.data.byteLength;
    for (const line of search.push(piece)) yield* outline.line(line);
  }
  for (const line of search.end(end)) yield* outline.line(line);
  yield* outline.end(end);
}

/** Follows the groups of one log; there is at most one open. */
class Outline {
  readonly #times: LogTimesCursor;
  readonly #commands = new LogCommands();
  #group: { readonly title: string; readonly offset: number; readonly atMs: number } | undefined;

  constructor(times: LogTimesCursor) {
    this.#times = times;
  }

  /** A line that may be a command. */
  async *line(piece: LogPiece): AsyncGenerator<OutlineItem> {
    const { offset, data } = piece;
    const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8");
    const command = this.#commands.read(text.replace(/\r?\n$/, ""));
    if (command === undefined || command.kind === "debug") return;
    const [time] = await timesOfPiece(this.#times, piece);
    const atMs = time?.atMs ?? 0;
    if (command.kind === "annotation") {
      const group = this.#group?.title ?? "";
      yield {
        $case: "annotation",
        value: { ...annotationMessage(command.annotation), group, offset, atMs },
      };
      return;
    }
    yield* this.#close(offset, atMs);
    if (command.kind === "group") this.#group = { title: command.title, offset, atMs };
  }

  /** The log ends at `offset`. */
  async *end(offset: number): AsyncGenerator<OutlineItem> {
    if (this.#group === undefined) return;
    const [time] = await this.#times.between(Math.max(this.#group.offset, offset - 1), offset);
    yield* this.#close(offset, time?.atMs ?? 0);
  }

  *#close(endOffset: number, endedAtMs: number): Generator<OutlineItem> {
    if (this.#group === undefined) return;
    const { title, offset, atMs: beganAtMs } = this.#group;
    this.#group = undefined;
    const value: LogGroup = { title, offset, endOffset, beganAtMs, endedAtMs };
    yield { $case: "group", value };
  }
}

const severities: Readonly<Record<Severity, SeverityMessage>> = {
  error: SeverityMessage.ERROR,
  warning: SeverityMessage.WARNING,
  notice: SeverityMessage.NOTICE,
};

function annotationMessage(of: Annotation): Omit<AnnotationMessage, "group" | "offset" | "atMs"> {
  return {
    severity: severities[of.severity],
    message: of.message,
    title: of.title ?? "",
    file: of.file ?? "",
    line: of.line ?? 0,
    endLine: of.endLine ?? 0,
    column: of.column ?? 0,
    endColumn: of.endColumn ?? 0,
  };
}
