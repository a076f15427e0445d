import { limits } from "../kernel/index.ts";
import type { SnapshotOptions } from "./define-persistent-actor.ts";

/** How far an entity's events have gone since its state was last written whole. */
export class SnapshotGauge {
  readonly #everyEvents: number;
  readonly #everyBytes: number;
  readonly #everyMs: number | undefined;
  /** Since then. */
  events = 0;
  #bytes = 0;
  /** Time of the last base event, or of the first event. */
  #sinceMs: number | undefined;

  constructor(options: SnapshotOptions | undefined) {
    this.#everyEvents = options?.everyEvents ?? limits.snapshotEveryEvents;
    this.#everyBytes = options?.everyBytes ?? limits.snapshotEveryBytes;
    this.#everyMs = options?.everyMs;
  }

  count(timeMs: number, bytes: number): void {
    this.events++;
    this.#bytes += bytes;
    this.#sinceMs ??= timeMs;
  }

  /** A base event was written, or failed and is tried again a whole interval later. */
  reset(timeMs: number | undefined): void {
    this.events = 0;
    this.#bytes = 0;
    this.#sinceMs = timeMs;
  }

  isDue(nowMs: number): boolean {
    return (
      this.events >= this.#everyEvents ||
      this.#bytes >= this.#everyBytes ||
      (this.#everyMs !== undefined &&
        this.#sinceMs !== undefined &&
        nowMs - this.#sinceMs >= this.#everyMs)
    );
  }
}
