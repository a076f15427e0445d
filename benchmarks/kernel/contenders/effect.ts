import { Deferred, Effect, Fiber, Queue } from "effect";
import {
  branches,
  type Contender,
  crowd,
  inBursts,
  inWindows,
  leaves,
  Tally,
  window,
} from "../work.ts";

type Message =
  | { readonly by: number }
  | { readonly echo: number; readonly to: Deferred.Deferred<number> };

const tally = new Tally();

/** An actor as Effect builds one: a queue, and a fiber that takes from it. */
function startActor(): Queue.Queue<Message> {
  const queue = Effect.runSync(Queue.unbounded<Message>());
  let count = 0;
  const loop = Effect.forever(
    Effect.map(Queue.take(queue), (message) => {
      if ("by" in message) {
        count += message.by;
        tally.hit();
      } else Deferred.doneUnsafe(message.to, Effect.succeed(message.echo));
    }),
  );
  Effect.runFork(loop);
  return queue;
}

function ask(queue: Queue.Queue<Message>, make: (to: Deferred.Deferred<number>) => Message) {
  const to = Deferred.makeUnsafe<number>();
  Queue.offerUnsafe(queue, make(to));
  return Effect.runPromise(Deferred.await(to));
}

const idle = Effect.forever(
  Effect.flatMap(Queue.unbounded<Message>(), (queue) => Queue.take(queue)),
);

function tree(size: number, number: number): Effect.Effect<number> {
  if (size === 1) return Effect.succeed(number);
  const below = size / branches;
  return Effect.gen(function* () {
    const fibers: Fiber.Fiber<number>[] = [];
    for (let i = 0; i < branches; i++) {
      fibers.push(yield* Effect.forkChild(tree(below, number + i * below)));
    }
    let sum = 0;
    for (const fiber of fibers) sum += yield* Fiber.join(fiber);
    return sum;
  });
}

export function effectPeer(): Contender {
  const one = startActor();
  const many = Array.from({ length: crowd }, startActor);
  const echo = (value: number) => ask(one, (to) => ({ echo: value, to }));
  return {
    peer: "effect 4.1.0, Queue and fiber",
    works: {
      "tell to 1 actor": (count) => inBursts(count, tally, () => Queue.offerUnsafe(one, { by: 1 })),
      "tell to 1,000 actors": (count) =>
        inBursts(count, tally, (index) => Queue.offerUnsafe(many[index % crowd] ?? one, { by: 1 })),
      "ask, 1,000 at a time": (count) => inWindows(count, echo),
      "ask, one after the other": async (count) => {
        for (let i = 0; i < count; i++) await echo(i);
      },
      "spawn and stop": async (count) => {
        for (let spawned = 0; spawned < count; spawned += window) {
          const living = Array.from({ length: window }, () => Effect.runFork(idle));
          await Promise.all(living.map((fiber) => Effect.runPromise(Fiber.interrupt(fiber))));
        }
      },
      "skynet, 100,000 leaves": async () => {
        const sum = await Effect.runPromise(tree(leaves, 0));
        if (sum !== (leaves * (leaves - 1)) / 2) throw new Error(`the sum is ${sum}`);
      },
    },
  };
}
