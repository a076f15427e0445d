/**
 * Stands between runs and the scheduler: an attempt is queued only when its run and its job hold
 * their places in their concurrency groups. Who holds what is stored by the groups; what is known
 * here is soft, and asked for again after a restart.
 *
 *  C1. A job that waits here has nothing in the scheduler's queue, so no agent is started for it.
 *  C2. A place is left only after the event that ends its holder is in the journal: an attempt that
 *      may still run has not ended for its run, and a lost one has been over for a whole lease and grace.
 */

import {
  type ConcurrencyGroupDefinition,
  type ConcurrencyGroupHandle,
  defineConcurrencyGroup,
  type GroupEffects,
  type GroupTicket,
} from "../scheduler/index.ts";
import type { Repeater } from "../workers/index.ts";
import { type PlaceWanted, placeOfJob, placeOfRun } from "./concurrency.ts";
import type { PipelineRunHandle } from "./pipeline-run.ts";
import type { RunEvent } from "./run-events.ts";
import type { Run } from "./run-state.ts";

export interface ConcurrencyGatePeers {
  readonly group: (id: string) => ConcurrencyGroupHandle;
  readonly run: (runId: string) => PipelineRunHandle;
}

export class ConcurrencyGate implements GroupEffects {
  readonly definition: ConcurrencyGroupDefinition;
  readonly #repeater: Repeater;
  /** Places that are held, and those that are asked for; by group and ticket. */
  readonly #held = new Set<string>();
  readonly #asked = new Set<string>();
  /** Run → job → the place that it waits for. */
  readonly #waiting = new Map<string, Map<string, PlaceWanted>>();
  /** Told before `start`. */
  readonly #early = new Map<string, { readonly group: string; readonly ticket: GroupTicket }>();
  #peers: ConcurrencyGatePeers | undefined;

  constructor(repeater: Repeater) {
    this.#repeater = repeater;
    this.definition = defineConcurrencyGroup(this);
  }

  start(peers: ConcurrencyGatePeers): void {
    this.#peers = peers;
    for (const { group, ticket } of this.#early.values()) this.admitted(group, ticket);
    this.#early.clear();
  }

  /** May the job be queued now? If not, its run is told to ask again when it may. */
  passes(run: Run, job: string): boolean {
    const wanted = [placeOfRun(run), placeOfJob(run, job)];
    const missing = wanted.find((place) => place !== undefined && !this.#held.has(keyOf(place)));
    if (missing === undefined) {
      this.#forget(run.runId, job);
      return true;
    }
    const ofRun = this.#waiting.get(run.runId) ?? new Map<string, PlaceWanted>();
    this.#waiting.set(run.runId, ofRun.set(job, missing));
    this.#ask(missing);
    return false;
  }

  /** Leaves the places of what has ended by these events. */
  committed(run: Run, events: readonly RunEvent[]): void {
    for (const { type, data } of events) {
      if (type === "jobFinished" || type === "jobSkipped" || type === "jobCancelled") {
        this.#forget(run.runId, data.job);
        this.#leave(placeOfJob(run, data.job));
      } else if (type === "runFinished") {
        this.#waiting.delete(run.runId);
        this.#leave(placeOfRun(run));
      }
    }
  }

  /** Why jobs of this run wait here: job → one plain sentence. */
  async waiting(runId: string): Promise<ReadonlyMap<string, string>> {
    const reasons = new Map<string, string>();
    for (const [job, place] of this.#waiting.get(runId) ?? []) {
      const standing = await this.#peers?.group(place.group).standing(place.ticket);
      reasons.set(job, reasonOf(place, standing));
    }
    return reasons;
  }

  // ── what groups say ────────────────────────────────────────────────────────────────────

  admitted(group: string, ticket: GroupTicket): void {
    const key = keyOf({ group, ticket });
    const peers = this.#peers;
    if (peers === undefined) {
      this.#early.set(key, { group, ticket });
      return;
    }
    void this.#repeater.run(`admitting ${nameOf(ticket)} to ${group}`, async () => {
      const run = peers.run(ticket.runId);
      if (!(await run.wantsPlace(ticket.job))) {
        await peers.group(group).leave(ticket);
        return;
      }
      this.#held.add(key);
      await run.stand();
    });
  }

  superseded(group: string, tickets: readonly GroupTicket[], by: GroupTicket): void {
    const reason = `${nameOf(by)} took its place in the concurrency ${group}`;
    for (const { runId, job } of tickets) {
      void this.#repeater.run(`ending ${nameOf({ runId, job })}`, async () => {
        const run = this.#peers?.run(runId);
        if (job !== "") await run?.stopJob(job, reason);
        // One that has ended already is rejected, and is about to leave.
        else await run?.try.cancel(reason);
      });
    }
  }

  #ask(place: PlaceWanted): void {
    const key = keyOf(place);
    const peers = this.#peers;
    if (peers === undefined || this.#asked.has(key)) return;
    this.#asked.add(key);
    const { group, ticket, cancelInProgress } = place;
    void this.#repeater.run(
      `entering the concurrency ${group}`,
      () => peers.group(group).enter(ticket, cancelInProgress),
      () => this.#asked.has(key),
    );
  }

  #leave(place: PlaceWanted | undefined): void {
    const peers = this.#peers;
    if (place === undefined || peers === undefined) return;
    this.#held.delete(keyOf(place));
    this.#asked.delete(keyOf(place));
    const { group, ticket } = place;
    void this.#repeater.run(`leaving the concurrency ${group}`, () =>
      peers.group(group).leave(ticket),
    );
  }

  #forget(runId: string, job: string): void {
    const ofRun = this.#waiting.get(runId);
    ofRun?.delete(job);
    if (ofRun?.size === 0) this.#waiting.delete(runId);
  }
}

function keyOf({ group, ticket }: Pick<PlaceWanted, "group" | "ticket">): string {
  return JSON.stringify([group, ticket.runId, ticket.job]);
}

function nameOf({ runId, job }: GroupTicket): string {
  return job === "" ? `run ${runId}` : `job "${job}" of run ${runId}`;
}

function reasonOf(
  { group }: PlaceWanted,
  standing: { readonly holder: GroupTicket; readonly before: number } | undefined,
): string {
  if (standing === undefined || standing.before === 0) return `it enters the concurrency ${group}`;
  const others = standing.before === 1 ? "" : `, and ${standing.before - 1} wait before it`;
  return `${nameOf(standing.holder)} is in progress in the concurrency ${group}${others}`;
}
