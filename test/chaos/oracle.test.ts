/** The oracle is what the run believes: it must not stand still as long as any bank process is there to be asked. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "vitest";
import { waitUntil } from "../support/wait-until.ts";
import { Child } from "./child.ts";
import { parseCommand } from "./commands.ts";
import { onLines } from "./lines.ts";

let folder: string;
let oracle: Child;
let acked = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-oracle-"));
  const args = [join(folder, "oracle.sock"), join(folder, "oracle.log"), "1", "500"];
  oracle = new Child("oracle-process", args, (line) => {
    acked = Number(line.split(" ")[0]);
  });
});

afterEach(async () => {
  await oracle.kill();
  rmSync(folder, { recursive: true, force: true });
});

interface Bank {
  readonly socket: Socket;
  readonly keys: string[];
}

/** A bank that hears what it is asked, and says "done" to all of it when `answers`. */
async function bank(answers: boolean): Promise<Bank> {
  const keys: string[] = [];
  const socket = await waitUntil("the oracle listens", async () => {
    const tried = connect(join(folder, "oracle.sock"));
    try {
      await once(tried, "connect");
      return tried;
    } catch {
      return undefined;
    }
  });
  onLines(socket, (line) => {
    const { key } = parseCommand(line);
    keys.push(key);
    if (answers) socket.write(`done ${key}\n`);
  });
  return { socket, keys };
}

it("asks the newest bank; when that dies, the one before, and repeats what is open", async () => {
  const first = await bank(true);
  await waitUntil("commands flow", () => acked > 20);
  const second = await bank(false);
  await waitUntil("the newer one is asked", () => second.keys.length > 20);
  second.socket.destroy();
  await waitUntil("the older one is asked again", () => first.keys.includes(second.keys[20] ?? ""));
  const before = acked;
  await waitUntil("commands flow again", () => acked > before + 20);
  first.socket.destroy();
});
