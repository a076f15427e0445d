/**
 * Everything around a run, in one place and under one seed: a journal, a scheduler's queue, workers
 * that repeat each report until it is answered, a clock. It crashes on demand between any two events:
 * then the queue is gone, effects were not done, and the run is folded anew from the journal.
 *
 * The rules that must hold at every process start are checked here (`#startProcess`).
 */
import { expect } from "vitest";
import { type Random, seededRandom } from "../../../src/actors/kernel/index.ts";
import type { PipelineDefinition } from "../../../src/actors/pipelines/pipeline-definition.ts";
import {
  type Decision,
  decide,
  type RunInput,
} from "../../../src/actors/pipelines/run-decisions.ts";
import {
  effectsOf,
  pendingWork,
  type RunEffect,
} from "../../../src/actors/pipelines/run-effects.ts";
import type { RunEvent } from "../../../src/actors/pipelines/run-events.ts";
import { applyRunEvent, newRun } from "../../../src/actors/pipelines/run-fold.ts";
import { wakeAtMs } from "../../../src/actors/pipelines/run-follow-ups.ts";
import { jobDefinitionNamed } from "../../../src/actors/pipelines/run-plan.ts";
import {
  isEnded,
  jobNamed,
  type Run,
  type RunState,
} from "../../../src/actors/pipelines/run-state.ts";
import {
  type AttemptKey,
  type AttemptResult,
  attemptId,
} from "../../../src/actors/workers/index.ts";

export interface WorldOptions {
  readonly seed: number;
  /** How the process of an attempt ends; `failures` counts earlier ones of this job that failed. */
  readonly outcome: (job: string, failures: number) => AttemptResult["outcome"];
  /** 0 to 1: a crash in the middle of a turn. */
  readonly crashes?: number;
  /** 0 to 1: an attempt is lost instead of finished. */
  readonly losses?: number;
  /** 0 to 1, at each step: someone cancels the run. */
  readonly cancels?: number;
}

interface HeldAttempt {
  readonly key: AttemptKey;
  readonly workerId: string;
  phase: "prepared" | "running";
  cancelled: boolean;
}

export class RunWorld {
  readonly events: RunEvent[] = [];
  readonly processes: string[] = [];
  state: RunState = newRun;
  nowMs = 1_000_000;
  crashCount = 0;
  readonly #random: Random;
  readonly #options: WorldOptions;
  readonly #queue = new Map<string, AttemptKey>();
  readonly #held = new Map<string, HeldAttempt>();
  readonly #succeeded = new Set<string>();
  #workers = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  get run(): Run {
    if (this.state.status === "new") throw new Error("not created yet");
    return this.state;
  }

  create(definition: PipelineDefinition): void {
    this.#report({ type: "create", runId: "r", definition, parameters: {}, priority: 0 });
  }

  /** Until the run has ended. Throws when nothing can happen any more before that. */
  toTheEnd(): Run {
    for (let step = 0; this.run.finishedAtMs === undefined; step++) {
      if (step > 10_000)
        throw new Error(`no end in sight: ${JSON.stringify(this.events.slice(-20))}`);
      this.#step();
    }
    return this.run;
  }

  #step(): void {
    if (this.#chance(this.#options.cancels)) {
      const force = this.#chance(0.2);
      this.#report({ type: "cancel", reason: "changed my mind", force });
      return;
    }
    const moves: (() => void)[] = [
      ...[...this.#queue.values()].map((key) => () => this.#place(key)),
      ...[...this.#held.values()].map((held) => () => this.#goOn(held)),
    ];
    const wake = wakeAtMs(this.run);
    if (wake !== undefined) {
      moves.push(() => {
        this.nowMs = Math.max(this.nowMs, wake);
        this.#report({ type: "advance" });
      });
    }
    const move = moves[Math.floor(this.#random.next() * moves.length)];
    if (move === undefined) throw new Error(`stuck: ${JSON.stringify(this.events.slice(-20))}`);
    this.nowMs += Math.floor(this.#random.next() * 500);
    move();
  }

  /** The scheduler gives an attempt to a worker, which asks for it. */
  #place(key: AttemptKey): void {
    this.#queue.delete(attemptId(key));
    const workerId = `w${this.#workers++ % 3}`;
    const { refused } = this.#report({ type: "prepare", ...key, workerId });
    if (refused !== undefined) return;
    const held = this.#held.get(attemptId(key));
    expect(held?.workerId ?? workerId, "one worker per attempt").toBe(workerId);
    // A crash had put it into the queue again: this worker has it already.
    if (held !== undefined) return;
    this.#held.set(attemptId(key), { key, workerId, phase: "prepared", cancelled: false });
  }

  #goOn(held: HeldAttempt): void {
    const { key, workerId } = held;
    const { job, attempt } = key;
    if (this.#chance(this.#options.losses)) {
      this.#report({ type: "lost", job, attempt, workerId, reason: "the agent died" });
      this.#held.delete(attemptId(key));
    } else if (held.phase === "prepared" && !held.cancelled) {
      held.phase = "running";
      this.#startProcess(key);
      this.#report({ type: "started", job, attempt, workerId });
    } else this.#finish(held);
  }

  #finish({ key, workerId, cancelled }: HeldAttempt): void {
    const { job, attempt } = key;
    const before = jobNamed(this.run, job);
    const failures =
      before === undefined || before.status === "waiting" ? 0 : attempt - 1 - before.lost.length;
    const outcome = cancelled ? "cancelled" : this.#options.outcome(job, failures);
    if (outcome === "succeeded") this.#succeeded.add(job);
    const result = { outcome, outputs: {}, reason: outcome === "succeeded" ? "" : "as told" };
    const input: RunInput = { type: "finished", job, attempt, workerId, result };
    expect(this.#report(input).refused).toBeUndefined();
    this.#held.delete(attemptId(key));
    // The acknowledgement may get lost: the same result comes again, and must count for nothing.
    const again = decide(this.state, input, this.nowMs);
    expect(again.events.filter(({ type }) => type !== "jobQueued")).toEqual([]);
  }

  /** What must be true whenever a process starts. */
  #startProcess(key: AttemptKey): void {
    const { run } = this;
    const id = attemptId(key);
    const definition = jobDefinitionNamed(run.definition, key.job);
    expect(this.processes, "one process per attempt").not.toContain(id);
    expect(this.#succeeded.has(key.job), `${key.job} runs after its success`).toBe(false);
    for (const need of definition.needs) {
      const ended = jobNamed(run, need);
      const { continueOnError } = jobDefinitionNamed(run.definition, need);
      const well = ended?.status === "succeeded" || (ended?.status === "failed" && continueOnError);
      expect(well, `${key.job} runs although ${need} is ${ended?.status}`).toBe(true);
    }
    if (definition.finally) {
      const others = run.definition.jobs.filter((job) => !job.finally);
      expect(
        others.every(({ name }) =>
          isEnded(jobNamed(run, name) ?? { status: "waiting", needsLeft: 0 }),
        ),
      ).toBe(true);
    }
    const { parallelMax = Number.POSITIVE_INFINITY } = run.definition;
    expect(run.inProgress).toBeLessThanOrEqual(parallelMax);
    this.processes.push(id);
  }

  /** Repeats itself until a turn was not cut short by a crash. */
  #report(input: RunInput): Decision {
    for (;;) {
      const decision = decide(this.state, input, this.nowMs);
      if (this.#chance(this.#options.crashes)) {
        const kept = Math.floor(this.#random.next() * (decision.events.length + 1));
        this.#crash(decision.events.slice(0, kept));
        continue;
      }
      this.#commit(decision);
      return decision;
    }
  }

  #commit({ events, more }: Decision): void {
    this.events.push(...events);
    this.state = events.reduce(applyRunEvent, this.state);
    for (const effect of effectsOf(this.run, events)) this.#do(effect);
    if (more) this.#commit(decide(this.state, { type: "advance" }, this.nowMs));
  }

  /** The journal has what it has; all else is made anew from it. */
  #crash(kept: readonly RunEvent[]): void {
    this.crashCount++;
    this.events.push(...kept);
    this.#queue.clear();
    this.state = this.events.reduce(applyRunEvent, newRun);
    if (this.state.status === "new") return;
    for (const effect of pendingWork(this.run).effects) this.#do(effect);
    this.#commit(decide(this.state, { type: "advance" }, this.nowMs));
  }

  #do(effect: RunEffect): void {
    const id = attemptId(effect.attempt);
    if (effect.type === "submit") this.#queue.set(id, effect.attempt);
    else if (effect.type === "withdraw") this.#queue.delete(id);
    else {
      const held = this.#held.get(id);
      if (held !== undefined) held.cancelled = true;
      // A crash came between the assignment and its delivery: the worker finds out and reports the loss.
      else {
        const { job, attempt } = effect.attempt;
        this.#held.set(id, {
          key: { runId: "r", job, attempt },
          workerId: effect.workerId,
          phase: "prepared",
          cancelled: true,
        });
      }
    }
  }

  #chance(probability = 0): boolean {
    return this.#random.next() < probability;
  }
}
