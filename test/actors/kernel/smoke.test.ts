import { expect, test } from "vitest";
import {
  createKernel,
  defineActor,
  defineBehaviour,
  isRejectedBy,
  isTroupeError,
  type MessageRef,
} from "../../../src/actors/kernel/index.ts";

const Greeter = defineActor("greeter", { initialState: () => ({ greeted: 0 }) }).commands({
  greet: (actor, name: string) => `Hello, ${name}! You are visitor ${++actor.state.greeted}.`,
  refuse: (actor) => actor.reject("no", { why: 1 }),
  fail: (): void => {
    throw new Error("bang");
  },
  slow: async (actor, ms: number) => {
    await new Promise<void>((resolve) => actor.clock.setTimer(ms, resolve));
    return actor.state.greeted;
  },
});

const Pool = defineActor("pool", {
  initialState: (self, props: { size: number }) => ({ id: self.id, busy: 0, size: props.size }),
  supervision: {
    rules: [{ on: TypeError, action: "resume" }],
    otherwise: { action: "restart", restartsMax: 5, withinMs: 60_000 },
  },
}).commands({
  take: async (pool, who: string) => {
    if (pool.state.busy >= pool.state.size) return pool.stash();
    const child = pool.spawn(Greeter, who);
    pool.watch(child, (me) => {
      me.state.busy--;
      me.unstashAll();
    });
    pool.state.busy++;
    const said = await child.greet(who);
    void child.ref.stop();
    return said;
  },
});

type DoorMessage = { type: "open" } | { type: "isOpen"; replyTo: MessageRef<boolean> };
const Door = defineBehaviour<DoorMessage>("door", () => {
  let open = false;
  return (message) => {
    if (message.type === "open") open = true;
    else message.replyTo.tell(open);
  };
});

test("the face of the kernel works from end to end", async () => {
  const kernel = createKernel({ name: "smoke" });
  const greeter = kernel.spawn(Greeter, "g");
  expect(await greeter.greet("Ada")).toBe("Hello, Ada! You are visitor 1.");
  greeter.tell.greet("Bob");
  const tried = await greeter.try.refuse();
  if (tried.ok) expect.unreachable();
  else expect(tried.rejection.details.why).toBe(1);
  const error: unknown = await greeter.refuse().catch((thrown: unknown) => thrown);
  expect(isRejectedBy(error, Greeter, "refuse") && error.rejection.reason).toBe("no");
  const failed: unknown = await greeter.fail().catch((thrown: unknown) => thrown);
  expect(isTroupeError(failed, "TROUPE_COMMAND_FAILED") && failed.details.reason).toBe("bang");
  expect(await greeter.greet("Eve")).toContain("visitor 1.");
  const late: unknown = await greeter
    .with({ timeoutMs: 5 })
    .slow(50)
    .catch((e: unknown) => e);
  expect(isTroupeError(late, "TROUPE_ASK_TIMEOUT")).toBe(true);

  const pool = kernel.spawn(Pool, "p", { props: { size: 1 } });
  const said = await Promise.all([pool.take("a"), pool.take("b"), pool.take("c")]);
  expect(said.length).toBe(3);

  const door = kernel.spawn(Door, "front");
  expect(await door.ask({ type: "isOpen" })).toBe(false);
  door.tell({ type: "open" });
  const isOpen: boolean = await door.ask({ type: "isOpen" }, { timeoutMs: 100 });
  expect(isOpen).toBe(true);
  expect(kernel.actors().map((actor) => actor.path)).toEqual(["/g", "/p", "/front"]);
  await kernel.stop();
  expect(kernel.actors()).toEqual([]);
  await expect(greeter.greet("x")).rejects.toMatchObject({ code: "TROUPE_ACTOR_STOPPED" });
});
