import {
  type BehaviourContext,
  createKernel,
  defineActor,
  defineBehaviour,
  type MessageRef,
  type Observer,
} from "../../../src/actors/kernel/index.ts";
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

const tally = new Tally();

const Counter = defineActor("counter", {
  initialState: (self, props: { children: number }) => {
    for (let i = 0; i < props.children; i++) self.spawn(Idle, String(i));
    return { count: 0 };
  },
  mailbox: { messagesMax: 1_000_000 },
}).commands({
  add: (counter, by: number) => {
    counter.state.count += by;
    tally.hit();
  },
  echo: (_counter, value: number) => value,
});

const Idle = defineBehaviour<never>("idle", () => () => {});

interface Node {
  readonly size: number;
  readonly number: number;
  readonly parent: MessageRef<number>;
}

/** A node of the tree: a leaf says its number, the others add up what their ten children say. */
const Tree = defineBehaviour<number | Node>("tree", (context) => {
  let parent: MessageRef<number> | undefined;
  let sum = 0;
  let missing = branches;
  const finish = (value: number): void => {
    parent?.tell(value);
    context.stop();
  };
  return (message) => {
    if (typeof message === "number") {
      sum += message;
      if (--missing === 0) finish(sum);
      return;
    }
    parent = message.parent;
    if (message.size === 1) finish(message.number);
    else grow(context, message);
  };
});

function grow(context: BehaviourContext<number | Node>, { size, number }: Node): void {
  const below = size / branches;
  for (let i = 0; i < branches; i++) {
    const child = context.spawn(Tree, String(i));
    child.tell({ size: below, number: number + i * below, parent: context.self });
  }
}

export function troupe(observer?: Observer): Contender {
  const kernel = createKernel({ name: "bench", ...(observer && { observer }) });
  let made = 0;
  const counterWith = (childCount: number, kind: string) =>
    kernel.spawn(Counter, `${kind} ${made++}`, { props: { children: childCount } });
  const one = counterWith(0, "one");
  const many = Array.from({ length: crowd }, () => counterWith(0, "many"));
  let parent: ReturnType<typeof counterWith> | undefined;
  const tellTo = (target: typeof one) => (count: number) =>
    inBursts(count, tally, () => target.tell.add(1));
  return {
    works: {
      "tell to 1 actor": tellTo(one),
      "tell to 1,000 actors": (count) =>
        inBursts(count, tally, (index) => many[index % crowd]?.tell.add(1)),
      "tell to a parent of 10,000": (count) => {
        parent ??= counterWith(children, "parent");
        return tellTo(parent)(count);
      },
      "ask, 1,000 at a time": (count) => inWindows(count, (index) => one.echo(index)),
      "ask, one after the other": async (count) => {
        for (let i = 0; i < count; i++) await one.echo(i);
      },
      "spawn and stop": async (count) => {
        for (let spawned = 0; spawned < count; spawned += window) {
          const living = Array.from({ length: window }, () => kernel.spawn(Idle, `s${made++}`));
          await Promise.all(living.map((actor) => actor.ref.stop()));
        }
      },
      "skynet, 100,000 leaves": () =>
        new Promise((resolve, reject) => {
          const expected = (leaves * (leaves - 1)) / 2;
          const Root = defineBehaviour<number>("root", (root) => {
            root.spawn(Tree, "tree").tell({ size: leaves, number: 0, parent: root.self });
            return (sum) => {
              root.stop();
              if (sum === expected) resolve();
              else reject(new Error(`the sum is ${sum}`));
            };
          });
          kernel.spawn(Root, `root${made++}`);
        }),
    },
  };
}

/** The same work spoken to in the lower form, as nact, Effect and Pekko are: one plain message. */
export function troupeMessages(): Contender {
  const kernel = createKernel({ name: "bench" });
  type Message = number | { readonly type: "echo"; readonly replyTo: MessageRef<number> };
  const Plain = defineBehaviour<Message>(
    "plain",
    () => {
      let count = 0;
      return (message) => {
        if (typeof message === "number") {
          count += message;
          tally.hit();
        } else message.replyTo.tell(count);
      };
    },
    { mailbox: { messagesMax: 1_000_000 } },
  );
  const one = kernel.spawn(Plain, "one");
  const many = Array.from({ length: crowd }, (_, i) => kernel.spawn(Plain, `many ${i}`));
  return {
    works: {
      "tell to 1 actor": (count) => inBursts(count, tally, () => one.tell(1)),
      "tell to 1,000 actors": (count) =>
        inBursts(count, tally, (index) => many[index % crowd]?.tell(1)),
      "ask, 1,000 at a time": (count) => inWindows(count, () => one.ask({ type: "echo" })),
      "ask, one after the other": async (count) => {
        for (let i = 0; i < count; i++) await one.ask({ type: "echo" });
      },
    },
  };
}
