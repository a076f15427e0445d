/** What a caller may get wrong, and the coded error or documented outcome for it. */
import { describe, expect, test } from "vitest";
import {
  type Behaviour,
  createKernel,
  defineActor,
  defineBehaviour,
  escapeName,
  isTroupeError,
  reservedNames,
} from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const Plain = defineActor("plain", { initialState: () => ({}) }).commands({ hi: () => "hi" });

const code = (run: () => unknown): unknown => {
  try {
    run();
    return "none";
  } catch (error) {
    return isTroupeError(error) ? error.code : error;
  }
};

describe("names", () => {
  test.each([
    ["an empty one", ""],
    ["one too long", "x".repeat(513)],
    ["no string", 7 as unknown as string],
  ])("%s is refused", async (_what, name) => {
    const kit = createTestKernel();
    expect(code(() => kit.kernel.spawn(Plain, name))).toBe("TROUPE_NAME_INVALID");
    await kit.stop();
  });

  test("any other string is a name, and no two share a path", async () => {
    const kit = createTestKernel();
    const names = [
      "a/b",
      "a%2Fb",
      "ä",
      "💥",
      "\ud800",
      "\udc00",
      "%uD800",
      " ",
      ".",
      "..",
      "a:b@c",
      "\0",
    ];
    const paths = names.map((name) => kit.kernel.spawn(Plain, name).ref.path);
    expect(new Set(paths).size).toBe(names.length);
    for (const path of paths) expect(path).toMatch(/^\/[\x21-\x7e]+$/);
    expect(paths.every((path) => path.lastIndexOf("/") === 0)).toBe(true);
    expect(escapeName("plain-name_1.2~$")).toBe("plain-name_1.2~$");
    await kit.stop();
  });

  test("a name that is taken is refused, and free again after the end", async () => {
    const kit = createTestKernel();
    const first = kit.kernel.spawn(Plain, "n");
    expect(code(() => kit.kernel.spawn(Plain, "n"))).toBe("TROUPE_NAME_TAKEN");
    const stopping = first.ref.stop();
    expect(code(() => kit.kernel.spawn(Plain, "n"))).toBe("TROUPE_NAME_TAKEN");
    await kit.run(stopping);
    expect(code(() => kit.kernel.spawn(Plain, "n"))).toBe("none");
    await kit.stop();
  });

  test("reserved names of commands are refused at run time, too", () => {
    for (const name of [...reservedNames, "~x", ""]) {
      const commands = Object.defineProperty({}, name, { value: () => 1, enumerable: true });
      const define = () => defineActor("a", { initialState: () => ({}) }).commands(commands);
      expect(code(define), name).toBe("TROUPE_NAME_INVALID");
    }
  });

  test("a kernel without a name is refused", () => {
    expect(code(() => createKernel({ name: "" }))).toBe("TROUPE_NAME_INVALID");
  });
});

describe("options", () => {
  test.each([0, -1, Number.NaN])("a mailbox of %s messages is refused", async (messagesMax) => {
    const kit = createTestKernel();
    const spawn = () => kit.kernel.spawn(Plain, "p", { mailbox: { messagesMax } });
    expect(code(spawn)).toBe("TROUPE_OPTION_INVALID");
    expect(code(() => kit.kernel.spawn(Plain, "p"))).toBe("none");
    await kit.stop();
  });

  test.each([-1, Number.NaN, Infinity])("a stop deadline of %s is refused", async (deadlineMs) => {
    const kit = createTestKernel();
    const plain = kit.kernel.spawn(Plain, "p");
    await expect(plain.ref.stop({ deadlineMs })).rejects.toMatchObject({
      code: "TROUPE_OPTION_INVALID",
    });
    expect(await kit.run(plain.hi())).toBe("hi");
    await kit.stop();
  });

  test("watching what is no actor of this process is refused", async () => {
    const kit = createTestKernel();
    const foreign = { path: "/x", incarnation: "1", stop: () => Promise.resolve() };
    let caught: unknown;
    const Watcher: Behaviour<"go"> = defineBehaviour("watcher", (me) => () => {
      caught = code(() => me.watch(foreign, () => {}));
    });
    kit.kernel.spawn(Watcher, "w").tell("go");
    await kit.settle();
    expect(caught).toBe("TROUPE_OPTION_INVALID");
    await kit.stop();
  });
});

describe("after the end of the system", () => {
  test("every use has its outcome", async () => {
    const kit = createTestKernel();
    const plain = kit.kernel.spawn(Plain, "p");
    await kit.stop();
    expect(code(() => kit.kernel.spawn(Plain, "q"))).toBe("TROUPE_SYSTEM_STOPPED");
    expect(code(() => kit.kernel.actor(Plain, "q"))).toBe("TROUPE_SYSTEM_STOPPED");
    expect(code(() => kit.kernel.onShutdown("close", "x", () => {}))).toBe("TROUPE_SYSTEM_STOPPED");
    await expect(plain.hi()).rejects.toMatchObject({ code: "TROUPE_ACTOR_STOPPED" });
    plain.tell.hi();
    expect(kit.kernel.deadLetters.counts()).toEqual({ stopped: 1 });
    await plain.ref.stop();
    expect(kit.clock.timers).toBe(0);
  });
});

describe("commands that nobody defined", () => {
  test("are answered with the list of those there are", async () => {
    const kit = createTestKernel();
    const plain = kit.kernel.spawn(Plain, "p");
    // As JavaScript would: a handle of another version of the definition.
    const Newer = defineActor("plain", { initialState: () => ({}) }).commands({ bye: () => "bye" });
    const [, , target] = [0, 0, Reflect.ownKeys(plain).map((key) => Reflect.get(plain, key))];
    const cell = target[0] as { ask(command: string, input: unknown[]): Promise<unknown> };
    expect(Newer.commandNames).toEqual(["bye"]);
    await expect(kit.run(cell.ask("bye", []))).rejects.toMatchObject({
      code: "TROUPE_COMMAND_UNKNOWN",
      details: { known: ["hi"] },
    });
    expect((plain as unknown as Record<string, unknown>)["bye"]).toBeUndefined();
    await kit.stop();
  });
});

describe("ports that throw", () => {
  test("a throwing logger or observer does not disturb a turn", async () => {
    const boom = (): never => {
      throw new Error("port");
    };
    const said: unknown[] = [];
    const original = console.error;
    console.error = (...input: unknown[]) => void said.push(input[0]);
    try {
      const logger = { debug: boom, info: boom, warn: boom, error: boom, child: boom };
      const observer = { actorStarted: boom, actorFailed: boom, messagesHandled: boom };
      const kit = createTestKernel({ logger, observer });
      const Failing = defineActor("failing", { initialState: () => ({}) }).commands({
        fail: (me): void => {
          me.log.info("about to");
          throw new Error("bang");
        },
        hi: () => "hi",
      });
      const failing = kit.kernel.spawn(Failing, "f");
      await kit.run(failing.fail().catch(() => {}));
      expect(await kit.run(failing.hi())).toBe("hi");
      await kit.stop();
    } finally {
      console.error = original;
    }
    expect(said).toEqual(["troupe: a logger or observer threw"]);
  });
});
