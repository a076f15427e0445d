/**
 * The queue of attempts: higher priority first, then first come, first served. Pure bookkeeping,
 * no clock, no actors.
 *
 * Attempts that ask for the same labels stand in one class, and a lane shows the classes that one
 * kind of worker can serve. So what no worker can serve is never looked at again and again: it
 * stands in classes that are in nobody's lane.
 *
 *  Q1. An attempt is in exactly one class; a class exists as long as it holds an attempt.
 *  Q2. A lane holds exactly the classes whose labels its own labels match.
 *  Q3. `sequence` is given once, at submission, and makes the order total; an attempt that is put
 *      back after a failed placement keeps it.
 *
 * push, remove: O(log n + lanes · log classes). lane.head: O(1). openLane: O(classes).
 */
import { IndexedHeap } from "./indexed-heap.ts";
import { type Labels, labelsKey, matches } from "./labels.ts";

export interface QueuedAttempt {
  readonly id: string;
  readonly priority: number;
  readonly sequence: number;
  readonly labels: Labels;
}

/** Attempts that ask for the same labels. */
export interface LabelClass<A> {
  readonly labels: Labels;
  readonly size: number;
  head(): A | undefined;
}

/** What workers with certain labels can be given. */
export interface Lane<A> {
  readonly labels: Labels;
  /** The first in order of all attempts that match. */
  head(): A | undefined;
}

/** Which of two attempts comes first; never true both ways. */
export const inOrder = (a: QueuedAttempt, b: QueuedAttempt): boolean =>
  a.priority !== b.priority ? a.priority > b.priority : a.sequence < b.sequence;

class AttemptClass<A extends QueuedAttempt> implements LabelClass<A> {
  readonly labels: Labels;
  readonly attempts = new IndexedHeap<A>(inOrder);
  readonly lanes = new Set<ClassLane<A>>();

  constructor(labels: Labels) {
    this.labels = labels;
  }

  get size(): number {
    return this.attempts.size;
  }

  head(): A | undefined {
    return this.attempts.first();
  }
}

class ClassLane<A extends QueuedAttempt> implements Lane<A> {
  readonly labels: Labels;
  readonly classes = new IndexedHeap<AttemptClass<A>>((a, b) => {
    const first = a.head();
    const second = b.head();
    return first !== undefined && (second === undefined || inOrder(first, second));
  });

  constructor(labels: Labels) {
    this.labels = labels;
  }

  head(): A | undefined {
    return this.classes.first()?.head();
  }
}

export class JobQueue<A extends QueuedAttempt> {
  readonly #attempts = new Map<string, A>();
  readonly #classes = new Map<string, AttemptClass<A>>();
  readonly #lanes = new Set<ClassLane<A>>();

  get size(): number {
    return this.#attempts.size;
  }

  get(id: string): A | undefined {
    return this.#attempts.get(id);
  }

  attempts(): Iterable<A> {
    return this.#attempts.values();
  }

  classes(): Iterable<LabelClass<A>> {
    return this.#classes.values();
  }

  /** False: an attempt with this id is queued already and keeps its place. */
  push(attempt: A): boolean {
    if (this.#attempts.has(attempt.id)) return false;
    this.#attempts.set(attempt.id, attempt);
    const labelClass = this.#classOf(attempt.labels);
    labelClass.attempts.add(attempt);
    if (labelClass.head() === attempt)
      for (const lane of labelClass.lanes) lane.classes.add(labelClass);
    return true;
  }

  /** The attempt, or undefined if it was not queued. */
  remove(id: string): A | undefined {
    const attempt = this.#attempts.get(id);
    if (attempt === undefined) return undefined;
    this.#attempts.delete(id);
    const labelClass = this.#classOf(attempt.labels);
    const wasHead = labelClass.head() === attempt;
    labelClass.attempts.remove(attempt);
    if (labelClass.size === 0) this.#drop(labelClass);
    else if (wasHead) for (const lane of labelClass.lanes) lane.classes.moved(labelClass);
    return attempt;
  }

  openLane(labels: Labels): Lane<A> {
    const lane = new ClassLane<A>(labels);
    this.#lanes.add(lane);
    for (const labelClass of this.#classes.values()) this.#join(labelClass, lane);
    return lane;
  }

  closeLane(lane: Lane<A>): void {
    if (!(lane instanceof ClassLane) || !this.#lanes.delete(lane)) return;
    for (const labelClass of lane.classes.items()) labelClass.lanes.delete(lane);
  }

  #classOf(labels: Labels): AttemptClass<A> {
    const key = labelsKey(labels);
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const fresh = new AttemptClass<A>(labels);
    this.#classes.set(key, fresh);
    for (const lane of this.#lanes) this.#join(fresh, lane);
    return fresh;
  }

  #join(labelClass: AttemptClass<A>, lane: ClassLane<A>): void {
    if (!matches(labelClass.labels, lane.labels)) return;
    labelClass.lanes.add(lane);
    lane.classes.add(labelClass);
  }

  #drop(labelClass: AttemptClass<A>): void {
    this.#classes.delete(labelsKey(labelClass.labels));
    for (const lane of labelClass.lanes) lane.classes.remove(labelClass);
  }
}
