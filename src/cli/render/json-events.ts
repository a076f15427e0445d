/**
 * The events of `--json`: one object a line, `type` first, times in milliseconds since 1970.
 *
 *   run      { type, runId, pipeline, status, jobs, jobsFinished, createdAtMs, finishedAtMs?, outputs? }
 *   job      { type, job, status, attempt, worker?, exitCode?, reason?, usage?, commit?, startedAtMs?, finishedAtMs?, outputs? }
 *   log      { type, job, attempt, offset, text, times? }   text = the bytes from `offset` as UTF-8; a character
 *            that came in two pieces is in the later one; times (--timestamps) = when they came: each
 *            { offset, atMs } holds from its offset on until the next
 *   end      a last `run` event with type "end": the run as it ended, with its outputs
 */
import { StringDecoder } from "node:string_decoder";
import type {
  JobView,
  LogPiece,
  RunSummary,
  RunView,
  WatchRunResponse,
} from "../../../proto/troupe/control/v1/control.ts";
import { hasEnded, jobWord, runWord } from "./job-line.ts";

export type JsonEvent = { readonly type: "run" | "job" | "log" | "end" } & Readonly<
  Record<string, unknown>
>;

/** Keeps what a job's log has of a character until the rest of it comes. */
export class JsonEvents {
  readonly #logs = new Map<string, { readonly decoder: StringDecoder; place: LogPlace }>();

  of(change: NonNullable<WatchRunResponse["change"]>): JsonEvent[] {
    switch (change.$case) {
      case "snapshot":
        return [runEvent(change.value.summary, change.value), ...change.value.jobs.map(jobEvent)];
      case "summary":
        return [runEvent(change.value)];
      case "job":
        return [jobEvent(change.value)];
      case "log":
        return this.#log(change.value);
    }
  }

  /** Logs that ended within a character: what was there of it. */
  rest(): JsonEvent[] {
    const ends = [...this.#logs.values()].map(({ decoder, place }) =>
      logEvent(place, decoder.end()),
    );
    this.#logs.clear();
    return ends.filter(({ text }) => text !== "");
  }

  #log({ job, attempt, offset, data, times }: LogPiece): JsonEvent[] {
    const key = `${attempt} ${job}`;
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = { decoder: new StringDecoder("utf8"), place: { job, attempt, offset } };
      this.#logs.set(key, log);
    }
    const { place } = log;
    const text = log.decoder.write(Buffer.from(data));
    if (text === "") return [];
    log.place = { job, attempt, offset: place.offset + Buffer.byteLength(text) };
    return [{ ...logEvent(place, text), ...(times.length > 0 && { times }) }];
  }
}

interface LogPlace {
  readonly job: string;
  readonly attempt: number;
  readonly offset: number;
}

function logEvent(place: LogPlace, text: string): JsonEvent & { readonly text: string } {
  return { type: "log", ...place, text };
}

export function finalEvent(run: RunView): JsonEvent {
  return { ...runEvent(run.summary, run), type: "end" };
}

function runEvent(summary: RunSummary | undefined, run?: RunView): JsonEvent {
  if (summary === undefined) return { type: "run" };
  return {
    type: "run",
    runId: summary.runId,
    pipeline: summary.pipeline,
    status: runWord(summary.status),
    jobs: summary.jobsTotal,
    jobsFinished: summary.jobsFinished,
    createdAtMs: summary.createdAtMs,
    ...(summary.finishedAtMs > 0 ? { finishedAtMs: summary.finishedAtMs } : {}),
    ...(run !== undefined && Object.keys(run.outputs).length > 0 ? { outputs: run.outputs } : {}),
  };
}

function jobEvent(job: JobView): JsonEvent {
  return {
    type: "job",
    job: job.name,
    status: jobWord(job.status),
    attempt: job.attempt,
    ...(job.workerId === "" ? {} : { worker: job.workerId }),
    ...(hasEnded(job.status) && job.startedAtMs > 0 ? { exitCode: job.exitCode } : {}),
    ...(job.reason === "" ? {} : { reason: job.reason }),
    ...(job.usage === undefined ? {} : { usage: job.usage }),
    ...(job.commit === "" ? {} : { commit: job.commit }),
    ...(job.startedAtMs > 0 ? { startedAtMs: job.startedAtMs } : {}),
    ...(job.finishedAtMs > 0 ? { finishedAtMs: job.finishedAtMs } : {}),
    ...(Object.keys(job.outputs).length > 0 ? { outputs: job.outputs } : {}),
  };
}
