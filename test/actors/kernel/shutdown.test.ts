import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { defineActor, silentLogger } from "../../../src/actors/kernel/index.ts";
import { createTestKernel } from "../../../src/actors/testing/index.ts";

const Plain = defineActor("plain", {
  initialState: (self) => {
    self.onStop(() => void log.push("actor"));
    return {};
  },
}).commands({ hi: () => "hi" });
let log: string[] = [];

describe("shutdown", () => {
  test("goes through its phases in order", async () => {
    log = [];
    const kit = createTestKernel();
    const actor = kit.kernel.spawn(Plain, "a");
    await kit.settle();
    kit.kernel.onShutdown("close", "journal", () => void log.push("close"));
    kit.kernel.onShutdown("drain", "intake", async () => {
      // Actors still work while the system drains; new ones from outside are refused.
      log.push(`drain: ${await actor.hi()}`);
      expect(() => kit.kernel.spawn(Plain, "b")).toThrow(/is stopped and takes no "spawn"/);
    });
    const take = kit.kernel.onShutdown("drain", "never", () => void log.push("never"));
    take();
    await kit.stop();
    expect(log).toEqual(["drain: hi", "actor", "close"]);
  });

  test("a task that fails or hangs is told and left behind", async () => {
    const lines: unknown[] = [];
    const logger = {
      ...silentLogger,
      error: (message: string, fields?: object) => void lines.push({ message, ...fields }),
    };
    const kit = createTestKernel({ logger });
    kit.kernel.onShutdown("drain", "bad", () => {
      throw new Error("bang");
    });
    kit.kernel.onShutdown("drain", "stuck", () => new Promise(() => {}));
    await kit.run(kit.kernel.stop({ deadlineMs: 50 }));
    expect(kit.clock.monotonicMs()).toBe(50);
    expect(lines).toMatchObject([
      { message: "a shutdown task failed", task: "bad" },
      { message: "a shutdown task did not end in time", task: "stuck", deadlineMs: 50 },
    ]);
  });

  test("a bad deadline is refused and stops nothing", async () => {
    const kit = createTestKernel();
    await expect(kit.kernel.stop({ deadlineMs: -1 })).rejects.toMatchObject({
      code: "TROUPE_OPTION_INVALID",
    });
    expect(await kit.run(kit.kernel.spawn(Plain, "a").hi())).toBe("hi");
    await kit.stop();
  });
});

/** A process with one actor whose end takes 50 ms, or for ever. */
async function withProcess(
  hookMs: number,
  use: (child: ReturnType<typeof spawn>, output: () => string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "kernel-signals-"));
  const kernel = fileURLToPath(new URL("../../../src/actors/kernel/index.ts", import.meta.url));
  const script = `
    import { createKernel, defineActor } from ${JSON.stringify(kernel)};
    const kernel = createKernel({ name: "signals", stopOnSignals: ["SIGTERM", "SIGINT"] });
    const Last = defineActor("last", {
      initialState: (self) => {
        self.timers.start("alive", { everyMs: 1_000 }, () => {});
        self.onStop(() => new Promise((resolve) => {
          console.log("stopping");
          setTimeout(() => { console.log("ended"); resolve(); }, ${hookMs});
        }));
        return {};
      },
    }).commands({ ping: () => console.log("ready") });
    await kernel.spawn(Last, "last").ping();
  `;
  const file = join(folder, "main.mts");
  await writeFile(file, script);
  const child = spawn(process.execPath, ["--import", "tsx", file], {
    cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString();
  });
  try {
    await use(child, () => output);
  } finally {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
}

async function said(child: ReturnType<typeof spawn>, output: () => string, word: string) {
  while (!output().includes(word)) await once(child.stdout ?? child, "data");
}

describe("signals of the process", () => {
  test("stop the system, then end the process by the signal", async () => {
    await withProcess(50, async (child, output) => {
      await said(child, output, "ready");
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      expect(await exit).toEqual([null, "SIGTERM"]);
      expect(output()).toContain("ended");
    });
  });

  test("a second one ends the process at once", async () => {
    await withProcess(60_000, async (child, output) => {
      await said(child, output, "ready");
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      await said(child, output, "stopping");
      child.kill("SIGINT");
      expect(await exit).toEqual([null, "SIGINT"]);
      expect(output()).not.toContain("ended");
    });
  });
});
