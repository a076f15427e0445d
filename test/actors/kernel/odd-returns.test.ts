/** What a handler returns is read with care: whatever it is, it concerns its own actor and nobody else. */
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Cell } from "../../../src/actors/kernel/cell.ts";
import { silentLogger } from "../../../src/actors/kernel/index.ts";
import {
  createSystem,
  defineActor,
  definePersistentActor,
  type System,
} from "../../../src/index.ts";

const oddities = {
  getter: () => ({
    get then(): never {
      throw new Error("do not look");
    },
  }),
  revoked: () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  throwing: () => ({
    then(): never {
      throw new Error("do not wait");
    },
  }),
  twice: () => ({
    // biome-ignore lint/suspicious/noThenProperty: this is what is tested.
    then(settle: (value: number) => void): void {
      settle(5);
      settle(6);
      throw new Error("too late");
    },
  }),
};

const commands = {
  ...oddities,
  hi: () => "hi",
};

const Odd = defineActor("odd", { initialState: () => ({}) }).commands(commands);
const OddEntity = definePersistentActor("odd-entity", { initialState: () => ({}) })
  .events({})
  .commands(commands);

async function started(): Promise<System> {
  const system = await createSystem({ name: "odd", logger: silentLogger });
  onTestFinished(() => system.stop({ deadlineMs: 0 }));
  return system;
}

describe.each([
  ["an actor", (system: System) => system.spawn(Odd, "one")],
  ["a persistent actor", (system: System) => system.actor(OddEntity, "one")],
])("%s", (_, actorOf) => {
  test.each(["getter", "revoked", "throwing"] as const)(
    "that returns something with a bad `then` (%s) fails its caller alone",
    async (oddity) => {
      const system = await started();
      const odd = actorOf(system);
      await expect(odd[oddity]()).rejects.toMatchObject({ code: "TROUPE_COMMAND_FAILED" });
      expect(await odd.hi()).toBe("hi");
      expect(await system.spawn(Odd, "other").hi()).toBe("hi");
    },
  );

  test("that returns something that settles twice answers once", async () => {
    const odd = actorOf(await started());
    expect(await odd.twice()).toBe(5);
    expect(await odd.hi()).toBe("hi");
  });
});

test("a turn that breaks the kernel itself ends its actor, and no other's turns", async () => {
  const system = await started();
  const [broken, other] = [system.spawn(Odd, "broken"), system.spawn(Odd, "other")];
  expect(await broken.hi()).toBe("hi");
  const drain = Reflect.get(Cell.prototype, "drain");
  let faults = 0;
  const planted = vi.spyOn(Cell.prototype, "drain").mockImplementation(function (
    this: Cell,
    ...input
  ) {
    if (this.path === "/broken" && faults++ === 0) throw new Error("planted");
    return drain.apply(this, input);
  });
  onTestFinished(() => planted.mockRestore());
  const lost = broken.hi();
  expect(await other.hi()).toBe("hi");
  await expect(lost).rejects.toMatchObject({ code: "TROUPE_ACTOR_STOPPED" });
  expect(system.kernel.actors().map(({ path }) => path)).not.toContain("/broken");
});
