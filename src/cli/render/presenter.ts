/** How a run is shown while it goes on: in place on a terminal, line by line elsewhere, or as events. */
import type {
  JobView,
  RunView,
  WatchRunResponse,
} from "../../../proto/troupe/control/v1/control.ts";
import { hasEnded, jobNotes, jobSymbol, jobTook, jobWord, runWord } from "./job-line.ts";
import { JobOutput } from "./job-output.ts";
import { finalEvent, JsonEvents } from "./json-events.ts";
import { LiveArea, type TerminalStream } from "./live-area.ts";
import { LogLines } from "./log-lines.ts";
import { progressTree } from "./progress-tree.ts";
import { type JobChange, RunModel } from "./run-model.ts";
import type { Style } from "./style.ts";
import { summary } from "./summary.ts";

export interface Presenter {
  apply(change: NonNullable<WatchRunResponse["change"]>): void;
  /** A word from the command itself, not from the run. */
  note(text: string): void;
  /** The stream has ended: the last words. `final` is the run as it ended, where it could be had. */
  end(final?: RunView): void;
  readonly run: RunView | undefined;
}

export interface PresenterOptions {
  readonly style: Style;
  readonly out: TerminalStream;
  readonly json: boolean;
  /** No log lines, only the progress. */
  readonly quiet: boolean;
  /** Each line of a log begins with when it came. */
  readonly withTimes: boolean;
  readonly nowMs: () => number;
}

const REDRAW_MS = 80;
const WAITED_LONG_MS = 5_000;

export function presenter(options: PresenterOptions): Presenter {
  if (options.json) return new JsonPresenter(options);
  return options.style.live ? new LivePresenter(options) : new PlainPresenter(options);
}

/** One JSON object a line, as they happen. */
class JsonPresenter implements Presenter {
  readonly #model = new RunModel();
  readonly #events = new JsonEvents();
  readonly #out: TerminalStream;

  constructor(options: PresenterOptions) {
    this.#out = options.out;
  }

  get run(): RunView | undefined {
    return this.#model.run;
  }

  apply(change: NonNullable<WatchRunResponse["change"]>): void {
    this.#model.apply(change);
    for (const event of this.#events.of(change)) this.#out.write(`${JSON.stringify(event)}\n`);
  }

  note(text: string): void {
    this.#out.write(`${JSON.stringify({ type: "note", text })}\n`);
  }

  end(final?: RunView): void {
    for (const event of this.#events.rest()) this.#out.write(`${JSON.stringify(event)}\n`);
    if (final !== undefined) this.#out.write(`${JSON.stringify(finalEvent(final))}\n`);
  }
}

/** A job's start and end are a line each, log lines carry their job's name: for pipes and CI. */
class PlainPresenter implements Presenter {
  readonly #model = new RunModel();
  readonly #toldWhy = new Map<string, string>();
  readonly #options: PresenterOptions;
  readonly #logs: LogLines;
  readonly #output: JobOutput;

  constructor(options: PresenterOptions) {
    this.#options = options;
    const { style } = options;
    this.#output = new JobOutput(options, (job, line) => this.#line(prefixed(job, line, style)));
    this.#logs = new LogLines((...line) => this.#output.line(...line));
  }

  get run(): RunView | undefined {
    return this.#model.run;
  }

  apply(change: NonNullable<WatchRunResponse["change"]>): void {
    if (change.$case === "log") {
      if (!this.#options.quiet) this.#logs.write(change.value);
      return;
    }
    const first = !this.#model.known;
    const changes = this.#model.apply(change);
    if (first) this.#heading(this.#model.run);
    for (const { before, job } of changes) {
      if (jobWord(job.status) === "queued") {
        this.#sayWhyItWaits(job);
        continue;
      }
      if (before?.status === job.status && before.attempt === job.attempt) continue;
      if (hasEnded(job.status) || jobWord(job.status) === "retrying") {
        this.#logs.end(job.name);
        this.#output.ended(job.name);
      }
      if (!worthALine({ before, job })) continue;
      const took = jobTook(job, this.#options.nowMs());
      const notes = [...(hasEnded(job.status) && took !== "" ? [took] : []), ...jobNotes(job)];
      const tail = notes.length > 0 ? ` (${notes.join(", ")})` : "";
      this.#line(
        `${jobSymbol(job.status, this.#options.style)} ${job.name} ${jobWord(job.status)}${tail}`,
      );
    }
  }

  note(text: string): void {
    this.#line(text);
  }

  end(final = this.#model.run): void {
    this.#logs.endAll();
    if (final === undefined) return;
    this.#line("");
    for (const line of this.#output.annotations()) this.#line(line);
    const lines = summary(final, this.#options.style, this.#options.nowMs());
    for (const line of lines) this.#line(line);
  }

  /** Once per reason, and only of a job that still waits after a while: most wait for an agent to start. */
  #sayWhyItWaits({ name, reason, attempt }: JobView): void {
    if (reason === "" || this.#toldWhy.get(name) === reason) return;
    this.#toldWhy.set(name, reason);
    const timer = setTimeout(() => {
      const job = this.#model.job(name);
      const still = job !== undefined && jobWord(job.status) === "queued";
      if (!still || job.attempt !== attempt || job.reason !== reason) return;
      this.#line(`${jobSymbol(job.status, this.#options.style)} ${name} waits: ${reason}`);
    }, WAITED_LONG_MS);
    timer.unref();
  }

  #heading(run: RunView | undefined): void {
    if (run?.summary === undefined) return;
    const jobs = run.jobs.length === 1 ? "1 job" : `${run.jobs.length} jobs`;
    this.#line(`run ${run.summary.runId} of ${run.summary.pipeline}, ${jobs}`);
  }

  #line(text: string): void {
    this.#options.out.write(`${text}\n`);
  }
}

/** Waiting, queued and assigned say nothing to a reader of a log file. */
function worthALine({ job }: JobChange): boolean {
  const word = jobWord(job.status);
  return word === "running" || word === "retrying" || hasEnded(job.status);
}

/** Log lines scroll by above a picture of the run that is redrawn in place. */
class LivePresenter implements Presenter {
  readonly #model = new RunModel();
  readonly #options: PresenterOptions;
  readonly #area: LiveArea;
  readonly #logs: LogLines;
  readonly #output: JobOutput;
  readonly #timer: NodeJS.Timeout;
  #frame = 0;

  constructor(options: PresenterOptions) {
    this.#options = options;
    this.#area = new LiveArea(options.out);
    const { style } = options;
    this.#output = new JobOutput(options, (job, line) =>
      this.#area.print(prefixed(job, line, style)),
    );
    this.#logs = new LogLines((...line) => this.#output.line(...line));
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
  }

  get run(): RunView | undefined {
    return this.#model.run;
  }

  apply(change: NonNullable<WatchRunResponse["change"]>): void {
    if (change.$case === "log") {
      if (!this.#options.quiet) this.#logs.write(change.value);
      return;
    }
    for (const { job } of this.#model.apply(change)) {
      if (!hasEnded(job.status)) continue;
      this.#logs.end(job.name);
      this.#output.ended(job.name);
    }
  }

  note(text: string): void {
    this.#area.print(text);
  }

  end(final = this.#model.run): void {
    clearInterval(this.#timer);
    this.#logs.endAll();
    this.#area.close();
    if (final === undefined) return;
    const { style, nowMs } = this.#options;
    const lines = ["", ...this.#output.annotations(), ...summary(final, style, nowMs())];
    this.#options.out.write(`${lines.join("\n")}\n`);
  }

  #draw(): void {
    if (this.#model.run === undefined) return;
    this.#frame += 1;
    const rowsMax = Math.max(3, Math.floor((this.#options.out.rows ?? 30) * 0.6));
    this.#area.draw(
      progressTree(this.#model.run, this.#options.style, {
        nowMs: this.#options.nowMs(),
        frame: this.#frame,
        rowsMax,
      }),
    );
  }
}

const JOB_FORMATS = ["cyan", "magenta", "blue", "green", "yellow"] as const;

function prefixed(job: string, line: string, style: Style): string {
  let sum = 0;
  for (const character of job) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  const format = JOB_FORMATS[sum % JOB_FORMATS.length] ?? "cyan";
  return `${style.paint(format, job)} ${style.unicode ? "│" : "|"} ${line}`;
}

/** 0 when the run went well, else a code that scripts can tell apart. */
export function exitCodeOf(run: RunView | undefined): number {
  if (run?.summary === undefined) return 1;
  const word = runWord(run.summary.status);
  if (word === "succeeded") return 0;
  return word === "cancelled" ? 3 : 1;
}
