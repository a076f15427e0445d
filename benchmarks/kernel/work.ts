/**
 * The work that every contender does, each in its own words. `count` operations, and the promise
 * resolves when the last of them is done; the time of the promise is what is measured.
 */

/** Messages that are sent before the sender waits for all of them to be handled. */
export const burst = 10_000;
/** Asks that are open at the same time; actors that live at the same time when spawning. */
export const window = 1_000;
/** Actors that share the messages of `tell to 1,000 actors`. */
export const crowd = 1_000;
/** Children that the parent of `tell to a parent of 10,000` has. */
export const children = 10_000;
/** Each actor of the tree above the leaves spawns so many. */
export const branches = 10;
/** Leaves of the tree; with the actors above them 111,111. */
export const leaves = 100_000;
export const treeActors = 111_111;

export const works = {
  "tell to 1 actor": "messages/core-s",
  "tell to 1,000 actors": "messages/core-s",
  "tell to a parent of 10,000": "messages/core-s",
  "ask, 1,000 at a time": "asks/core-s",
  "ask, one after the other": "asks/core-s",
  "spawn and stop": "actors/core-s",
  "skynet, 100,000 leaves": "actors/core-s",
} as const;

export type WorkName = keyof typeof works;

export interface Contender {
  /** Name and version; absent = ours. */
  readonly peer?: string;
  /** What it cannot do is absent. */
  readonly works: { readonly [W in WorkName]?: (count: number) => Promise<void> };
}

/** Sends `count` messages in bursts, and waits after each until all of it was handled. */
export async function inBursts(
  count: number,
  tally: Tally,
  send: (index: number) => void,
): Promise<void> {
  for (let sent = 0; sent < count; ) {
    const size = Math.min(burst, count - sent);
    const all = tally.after(size);
    for (const until = sent + size; sent < until; sent++) send(sent);
    await all;
  }
}

/** Asks `count` times, `window` at a time. */
export async function inWindows(count: number, ask: (index: number) => Promise<unknown>) {
  for (let asked = 0; asked < count; ) {
    const open: Promise<unknown>[] = [];
    const until = Math.min(count, asked + window);
    for (; asked < until; asked++) open.push(ask(asked));
    await Promise.all(open);
  }
}

/** Counts messages that were handled, and tells when an expected number is reached. */
export class Tally {
  #handled = 0;
  #expected = Infinity;
  #reached: () => void = () => {};

  hit(): void {
    if (++this.#handled === this.#expected) this.#reached();
  }

  /** Resolves with the `more`th hit from the last call on. */
  after(more: number): Promise<void> {
    return new Promise((resolve) => {
      this.#expected = more;
      this.#reached = () => {
        this.#handled = 0;
        this.#expected = Infinity;
        resolve();
      };
      if (this.#handled >= more) this.#reached();
    });
  }
}
