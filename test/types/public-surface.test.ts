/** What users see of the package: the names, and the declarations that their own code gets. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it, onTestFinished } from "vitest";
import * as troupe from "../../src/index.ts";

const root = new URL("../../", import.meta.url).pathname;

const userModule = `
import { z } from "zod";
import { actorContract, command, type ContractOf, createSystem, defineActor, definePersistentActor } from "../../src/index.ts";

export const Account = definePersistentActor("account", { initialState: () => ({ cents: 0, open: true }) })
  .events({
    deposited: (state, e: { cents: number }) => ({ ...state, cents: state.cents + e.cents }),
    closed: (state) => ({ ...state, open: false }),
  })
  .timers<{ dormant: { sinceMs: number } }>({ dormant: (account) => account.persist("closed") })
  .commands({
    deposit: (account, cents: number) => account.persist("deposited", { cents }),
    credit: command(z.object({ cents: z.number() }), (account, input) => account.persist("deposited", input)),
    withdraw: async (account, cents: number) => {
      if (cents > account.state.cents) return account.reject("insufficient-funds", { cents });
      return account.state.cents;
    },
  });
export const Greeter = defineActor("greeter", { initialState: () => ({ greeted: 0 }) }).commands({
  greet: (actor, name: string) => \`\${name} \${++actor.state.greeted}\`,
});
export const AccountContract = actorContract<ContractOf<typeof Account>>("account", { deposit: true, credit: true, withdraw: true });
export async function use() {
  const system = await createSystem({ name: "x" });
  return { account: system.actor(Account, "a"), greeter: system.spawn(Greeter, "g"), system };
}
`;

function declarationsOf(code: string): { readonly text: string; readonly problems: string[] } {
  const cache = join(root, ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "surface-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "user.ts");
  writeFileSync(file, code);
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) =>
    readFileSync(path, "utf8"),
  ) as { config: { compilerOptions: object } };
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, noEmit: false, declaration: true, emitDeclarationOnly: true },
    root,
  );
  const program = ts.createProgram([file], options);
  const source = program.getSourceFile(file);
  let text = "";
  const { diagnostics } = program.emit(source, (_, written) => {
    text += written;
  });
  const found = [...ts.getPreEmitDiagnostics(program, source), ...diagnostics];
  return {
    text,
    problems: found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
  };
}

describe("the package's face", () => {
  it("is this list, and nothing else", () => {
    expect(Object.keys(troupe).sort()).toEqual([
      "CommandRejectedError",
      "Rejection",
      "TroupeError",
      "actorContract",
      "command",
      "consistentHash",
      "consoleLogger",
      "createSystem",
      "defineActor",
      "defineBehaviour",
      "definePersistentActor",
      "definePipeline",
      "defineRouter",
      "hashFiles",
      "isRejectedBy",
      "isTroupeError",
      "limitTable",
      "replayFilter",
      "roundRobin",
      "sh",
      "silentLogger",
      "systemLimitNames",
      "template",
    ]);
  });

  it("names every type that its signatures mention: users' declarations stay small and whole", () => {
    const { text, problems } = declarationsOf(userModule);
    expect(problems).toEqual([]);
    const origins = new Set([...text.matchAll(/import\("([^"]+)"\)/g)].map(([, from]) => from));
    expect([...origins].filter((from) => from !== "../../src/index.ts")).toEqual([]);
    expect(text).toContain("deposit: (cents: number) => void");
    expect(text).toContain("credit: (input: {");
    expect(text).not.toContain("any");
  });
});
