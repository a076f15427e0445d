/**
 * Who watches which run. A watcher gets the run as it is, then each change in the order of the run's
 * commits. It never slows the run: changes that it has not taken yet wait here, and beyond
 * `limits.watchChangesMax` only the newest state of each job does.
 */
import { limits } from "../kernel/index.ts";
import type { RunEvent } from "./run-events.ts";
import type { Run } from "./run-state.ts";
import { isFinalStatus, type RunChange, type RunView } from "./run-view.ts";
import { summaryOf, viewOfJob } from "./view-of-run.ts";

class Watcher {
  readonly runId: string;
  /** By what they are about where only the newest counts, else by their number; in order. */
  readonly #changes = new Map<string, RunChange>();
  #began = false;
  #behind = false;
  #count = 0;
  #over = false;
  #wake: (() => void) | undefined;

  constructor(runId: string) {
    this.runId = runId;
  }

  /** The watcher's beginning. Changes before it are part of it. */
  begin(view: RunView): void {
    this.#began = true;
    this.#add({ kind: "snapshot", run: view });
  }

  /** What it gets no more of than it already has. */
  end(): void {
    this.#over = true;
    this.#wake?.();
  }

  tell(changes: readonly RunChange[]): void {
    if (!this.#began || this.#over) return;
    for (const change of changes) this.#add(change);
  }

  async *changes(): AsyncGenerator<RunChange> {
    for (;;) {
      const [next] = this.#changes;
      if (next !== undefined) {
        const [key, change] = next;
        this.#changes.delete(key);
        if (this.#changes.size === 0) this.#behind = false;
        yield change;
        if (isLast(change)) return;
      } else if (this.#over) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #add(change: RunChange): void {
    if (!this.#behind && this.#changes.size >= limits.watchChangesMax) this.#fallBehind();
    const key = this.#behind ? subjectOf(change) : String(this.#count++);
    this.#changes.delete(key);
    this.#changes.set(key, change);
    this.#wake?.();
  }

  #fallBehind(): void {
    this.#behind = true;
    const all = [...this.#changes.values()];
    this.#changes.clear();
    for (const change of all) {
      const key = subjectOf(change);
      this.#changes.delete(key);
      this.#changes.set(key, change);
    }
  }
}

export class RunFeed {
  readonly #watchers = new Map<number, Watcher>();
  readonly #byRun = new Map<string, Set<Watcher>>();
  #nextId = 1;

  /**
   * @param ask asks the run to show itself to this watcher (`shown`); rejects, or throws, when there is no such run.
   */
  async *watch(
    runId: string,
    ask: (watcher: number) => Promise<void>,
    signal?: AbortSignal,
  ): AsyncGenerator<RunChange> {
    const id = this.#nextId++;
    const watcher = new Watcher(runId);
    const end = (): void => watcher.end();
    this.#add(id, watcher);
    signal?.addEventListener("abort", end, { once: true });
    try {
      if (signal?.aborted) return;
      await ask(id);
      yield* watcher.changes();
    } finally {
      signal?.removeEventListener("abort", end);
      this.#remove(id, watcher);
    }
  }

  committed(run: Run, events: readonly RunEvent[]): void {
    const watchers = this.#byRun.get(run.runId);
    if (watchers === undefined) return;
    const changes = changesOf(run, events);
    for (const watcher of watchers) watcher.tell(changes);
  }

  shown(id: number, view: RunView): void {
    this.#watchers.get(id)?.begin(view);
  }

  /** All watchers end with what they have. */
  stop(): void {
    for (const watcher of this.#watchers.values()) watcher.end();
  }

  #add(id: number, watcher: Watcher): void {
    this.#watchers.set(id, watcher);
    const ofRun = this.#byRun.get(watcher.runId);
    if (ofRun === undefined) this.#byRun.set(watcher.runId, new Set([watcher]));
    else ofRun.add(watcher);
  }

  #remove(id: number, watcher: Watcher): void {
    this.#watchers.delete(id);
    const ofRun = this.#byRun.get(watcher.runId);
    ofRun?.delete(watcher);
    if (ofRun?.size === 0) this.#byRun.delete(watcher.runId);
  }
}

/** The newest state of each job that the events are about, then the run's own. */
function changesOf(run: Run, events: readonly RunEvent[]): readonly RunChange[] {
  const names = new Set<string>();
  for (const { data } of events) if ("job" in data) names.add(data.job);
  const changes: RunChange[] = [];
  for (const name of names) {
    const job = viewOfJob(run, name);
    if (job !== undefined) changes.push({ kind: "job", job });
  }
  changes.push({ kind: "summary", summary: summaryOf(run) });
  return changes;
}

function subjectOf(change: RunChange): string {
  return change.kind === "job" ? `job ${change.job.name}` : change.kind;
}

function isLast(change: RunChange): boolean {
  if (change.kind === "job") return false;
  const { status } = change.kind === "snapshot" ? change.run.summary : change.summary;
  return isFinalStatus(status);
}
