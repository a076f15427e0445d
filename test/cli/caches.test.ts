/** `troupe caches` and `troupe caches delete`, from the words of the command line to a server. */
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { type CliContext, processContext } from "../../src/cli/cli-context.ts";
import { addCacheCommands } from "../../src/cli/program/cache-commands.ts";
import { cachingServer } from "../server/caching-server.ts";
import { runningServer } from "../server/running-server.ts";

async function troupe(data: string, ...words: string[]): Promise<string> {
  let text = "";
  const write = (piece: string): boolean => {
    text += piece;
    return true;
  };
  const stdout = { write } as unknown as CliContext["stdout"];
  const context = { ...processContext(), stdout, nowMs: () => Date.now() + 120_000 };
  const program = new Command().exitOverride();
  addCacheCommands(program, {
    context,
    finish: (code) => {
      if (code !== 0) throw new Error(`it ended with ${code}`);
    },
  });
  await program.parseAsync(["caches", ...words, "--data", data], { from: "user" });
  return text;
}

const setup = { pipelines: ["p", "q"], keys: ["npm-1", "npm-2"] };

describe("troupe caches", () => {
  it("shows a table with what there is in all, or JSON, of all pipelines or one", async () => {
    const { server, save } = await cachingServer(setup, { cachesBytesMax: 5_000 });
    await save({ pipeline: "p", key: "npm-1" }, "x".repeat(1_200));
    await save({ pipeline: "q", key: "npm-1" }, "y");
    const shown = (await troupe(server.dataDir))
      .replaceAll(/\d+m \d+s ago/g, "2m ago")
      .replaceAll(/ {2,}/g, "  ");
    expect(shown).toBe(
      [
        "PIPELINE  KEY  SIZE  SAVED  USED",
        "q  npm-1  1 B  2m ago  2m ago",
        "p  npm-1  1.2 kB  2m ago  2m ago",
        "2 caches: 1.2 kB stored, all pipelines may take 5.0 kB",
        "",
      ].join("\n"),
    );
    expect(await troupe(server.dataDir, "-n", "1")).toContain("1 of 2 caches: 1.2 kB");
    const json = await troupe(server.dataDir, "--pipeline", "p", "--json");
    expect(JSON.parse(json)).toMatchObject({ pipeline: "p", key: "npm-1", bytes: 1_200 });
  });

  it("says that there are none", async () => {
    const { dataDir } = await runningServer();
    expect(await troupe(dataDir)).toBe('no caches yet; jobs with "cache" leave them\n');
    expect(await troupe(dataDir, "--pipeline", "p")).toContain("no caches of the pipeline p yet");
  });
});

describe("troupe caches delete", () => {
  it("takes keys, of all pipelines or one, or all of a pipeline", async () => {
    const { server, save } = await cachingServer(setup);
    const { dataDir } = server;
    for (const pipeline of setup.pipelines) {
      for (const key of setup.keys) await save({ pipeline, key }, `${pipeline} ${key}`);
    }
    const one = await troupe(dataDir, "delete", "npm-1", "--pipeline", "p");
    expect(one).toBe("deleted 1 cache; 7 B freed\n");
    const unknown = troupe(dataDir, "delete", "npm-1", "npm-3");
    await expect(unknown).rejects.toMatchObject({ code: "TROUPE_CACHE_NOT_FOUND" });
    const both = await troupe(dataDir, "delete", "npm-1", "npm-2");
    expect(both).toBe("deleted 3 caches; 21 B freed\n");
    await save({ pipeline: "q", key: "npm-1" }, "again");
    const all = ["delete", "--pipeline", "q", "--all"];
    expect(await troupe(dataDir, ...all)).toBe("deleted 1 cache; 5 B freed\n");
    expect(await troupe(dataDir, ...all)).toBe("the pipeline q has no caches\n");
  });

  it.each([
    [["delete"], "give the keys of caches, or --pipeline <name> --all"],
    [["delete", "--pipeline", "p"], "give the keys of caches, or --pipeline <name> --all"],
    [["delete", "--all"], "--all wants --pipeline <name>"],
    [["delete", "k", "--pipeline", "p", "--all"], "give keys or --all, not both"],
  ])("refuses %j before it asks a server", async (words, problem) => {
    await expect(troupe("nowhere", ...words)).rejects.toThrow(problem);
  });
});
