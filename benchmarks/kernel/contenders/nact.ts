import * as nactModule from "nact";
import {
  branches,
  type Contender,
  children,
  crowd,
  inBursts,
  inWindows,
  leaves,
  Tally,
  window,
} from "../work.ts";

interface Ref {
  readonly name: string;
}

interface Context {
  readonly self: Ref;
}

// Loosely typed: nact's own types refuse references to several kinds of messages.
interface Nact {
  start(): Ref;
  spawn(
    parent: Ref,
    handler: (state: never, message: never, context: Context) => unknown,
    name?: string,
  ): Ref;
  dispatch(ref: Ref, message: unknown): void;
  query(ref: Ref, message: (replyTo: Ref) => unknown, timeoutMs: number): Promise<unknown>;
  stop(ref: Ref): void;
}

const nact = nactModule as unknown as Nact;

interface Node {
  readonly size: number;
  readonly number: number;
  readonly parent: Ref;
}

interface Sum {
  readonly parent: Ref | undefined;
  readonly value: number;
  readonly missing: number;
}

const empty: Sum = { parent: undefined, value: 0, missing: branches };

function tree(state: Sum | undefined, message: number | Node, context: Context): Sum {
  const sum = state ?? empty;
  if (typeof message !== "number") {
    if (message.size === 1) {
      nact.dispatch(message.parent, message.number);
      nact.stop(context.self);
      return sum;
    }
    const below = message.size / branches;
    for (let i = 0; i < branches; i++) {
      const child = nact.spawn(context.self, tree, `c${i}`);
      const number = message.number + i * below;
      nact.dispatch(child, { size: below, number, parent: context.self });
    }
    return { ...sum, parent: message.parent };
  }
  const next = { ...sum, value: sum.value + message, missing: sum.missing - 1 };
  if (next.missing === 0 && next.parent !== undefined) {
    nact.dispatch(next.parent, next.value);
    nact.stop(context.self);
  }
  return next;
}

export function nactPeer(): Contender {
  const system = nact.start();
  const tally = new Tally();
  const counter = (state: number | undefined): number => {
    tally.hit();
    return (state ?? 0) + 1;
  };
  const one = nact.spawn(system, counter, "one");
  const many = Array.from({ length: crowd }, (_, i) => nact.spawn(system, counter, `many${i}`));
  const echo = nact.spawn(
    system,
    (_state: unknown, message: { replyTo: Ref; value: number }) =>
      nact.dispatch(message.replyTo, message.value),
    "echo",
  );
  let parent: Ref | undefined;
  let made = 0;
  const ask = (value: number) => nact.query(echo, (replyTo) => ({ replyTo, value }), 5_000);
  return {
    peer: "nact 7.6.2",
    works: {
      "tell to 1 actor": (count) => inBursts(count, tally, () => nact.dispatch(one, 1)),
      "tell to 1,000 actors": (count) =>
        inBursts(count, tally, (index) => nact.dispatch(many[index % crowd] ?? one, 1)),
      "tell to a parent of 10,000": async (count) => {
        if (parent === undefined) {
          const handler = (state: number | undefined, message: unknown, context: Context) => {
            if (message !== "spawn") return counter(state);
            for (let i = 0; i < children; i++) nact.spawn(context.self, () => {}, `c${i}`);
            return state;
          };
          parent = nact.spawn(system, handler, "parent");
          nact.dispatch(parent, "spawn");
        }
        const target = parent;
        await inBursts(count, tally, () => nact.dispatch(target, 1));
      },
      "ask, 1,000 at a time": (count) => inWindows(count, ask),
      "ask, one after the other": async (count) => {
        for (let i = 0; i < count; i++) await ask(i);
      },
      // Its stop tells nobody when it is done; one round of the event loop is given to it.
      "spawn and stop": async (count) => {
        for (let spawned = 0; spawned < count; spawned += window) {
          const living = Array.from({ length: window }, () =>
            nact.spawn(system, () => {}, `s${made++}`),
          );
          for (const actor of living) nact.stop(actor);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
      "skynet, 100,000 leaves": () =>
        new Promise((resolve) => {
          const root = nact.spawn(
            system,
            (_state: unknown, sum: number, context: Context) => {
              nact.stop(context.self);
              if (sum === (leaves * (leaves - 1)) / 2) resolve();
            },
            `root${made++}`,
          );
          const top = nact.spawn(root, tree, "tree");
          nact.dispatch(top, { size: leaves, number: 0, parent: root });
        }),
    },
  };
}
