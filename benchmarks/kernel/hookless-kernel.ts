/**
 * The built kernel with every call of the observer taken out of its text: what "an observer that is not there
 * costs nothing" is held against. A copy beside the build; a hook whose text is not found is an error, so that
 * the copy cannot silently become the original.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

interface Cut {
  readonly file: string;
  readonly hook: RegExp;
  readonly instead: string;
  readonly times: number;
}

const cuts: readonly Cut[] = [
  {
    file: "dispatcher.js",
    // Whether anybody listens is asked once for each run of messages of one actor.
    hook: /const \{ observer, clock \} = this\.#engine;\s+if \(observer\?\.messagesHandled === undefined\)\s+return/g,
    instead: "return",
    times: 1,
  },
  {
    file: "cell.js",
    hook: /const \{ observer \} = this\.engine;\s+if \(observer\?\.actorStarted !== undefined\)\s+observer\.actorStarted\([^;]+\);/g,
    instead: "",
    times: 1,
  },
  {
    file: "cell.js",
    hook: /(this\.)?engine\.observer\?\.\w+\?\.\([^;]+\);/g,
    instead: "",
    times: 3,
  },
  { file: "engine.js", hook: /this\.observer\?\.\w+\?\.\([^;]+\);/g, instead: "", times: 4 },
];

export interface HooklessKernel {
  /** The contender's process of the copy. */
  readonly process: string;
  remove(): void;
}

export function buildHookless(): HooklessKernel {
  const built = fileURLToPath(new URL("../../", import.meta.url));
  const copy = mkdtempSync(join(built, "hookless-"));
  for (const folder of ["src/actors/kernel", "benchmarks/kernel"]) {
    cpSync(join(built, folder), join(copy, folder), { recursive: true });
  }
  for (const { file, hook, instead, times } of cuts) {
    const path = join(copy, "src/actors/kernel", file);
    const text = readFileSync(path, "utf8");
    const found = text.match(hook)?.length ?? 0;
    if (found !== times) {
      throw new Error(`expected ${times} of ${hook} in ${file}, found ${found}: its hooks moved`);
    }
    writeFileSync(path, text.replace(hook, instead));
  }
  return {
    process: join(copy, "benchmarks/kernel/contender-process.js"),
    remove: () => rmSync(copy, { recursive: true, force: true }),
  };
}
