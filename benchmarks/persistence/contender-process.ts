/**
 * A system under test in a process of its own. Commands come over a socket, eight bytes each (its
 * number, its actor), in whatever batches the load generator has; answers go back four bytes each,
 * once a round of the event loop. So the border costs little, and alike for all.
 *
 *   contender-process.ts <options as JSON> <socket>
 *
 * Messages: `usage` → processor time in ms and commands answered since the last one.
 */
import { createServer, type Socket } from "node:net";
import type { Contender, ContenderOptions } from "./contender.ts";

const commandBytes = 8;

const [optionsText = "", socketPath = ""] = process.argv.slice(2);
const options = JSON.parse(optionsText) as ContenderOptions;
const { open } = (await import(
  new URL(
    `contenders/${options.contender}.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`,
    import.meta.url,
  ).href
)) as { open: (options: ContenderOptions) => Promise<Contender> };
const contender = await open(options);
let answered = 0;
let failure: unknown;

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  let rest: Buffer = Buffer.alloc(0);
  let answers: number[] = [];
  const flush = (): void => {
    const bytes = Buffer.allocUnsafe(answers.length * 4);
    for (let index = 0; index < answers.length; index++) {
      bytes.writeUInt32LE(answers[index] ?? 0, index * 4);
    }
    answered += answers.length;
    answers = [];
    socket.write(bytes);
  };
  const failed = (error: unknown): void => {
    failure ??= error;
    // A failed command makes every figure void; the load generator hears of it by the end of the line.
    socket.destroy();
  };
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (; at + commandBytes <= bytes.length; at += commandBytes) {
      const number = bytes.readUInt32LE(at);
      contender.call(bytes.readUInt32LE(at + 4)).then(() => {
        if (answers.length === 0) setImmediate(flush);
        answers.push(number);
      }, failed);
    }
    rest = bytes.subarray(at);
  });
}

let lastCpu = process.cpuUsage();
process.on("message", (message) => {
  if (message !== "usage") return;
  const { user, system } = process.cpuUsage(lastCpu);
  lastCpu = process.cpuUsage();
  const reason = failure instanceof Error ? failure.stack : failure;
  process.send?.({ cpuMs: (user + system) / 1_000, answered, failure: reason });
  answered = 0;
});
createServer(serve).listen(socketPath, () => process.send?.({ peer: contender.peer }));
