/**
 * The oracle: sends commands to whichever of the connected bank processes came last, as a client would, and
 * remembers in its own synced file what it has sent and what was acknowledged. What was sent and
 * not acknowledged is sent again, under the same key, to the next one that takes its place: one that has just
 * connected, or, when the last to come has died, the one that came before it and still lives.
 *
 *   oracle-process.ts <socket> <file> <seed> <commands per second>
 *
 * On standard input: `burst` = as many as may be under way, at once; `stop` = no new commands. On
 * standard output, several times a second: `<acknowledged> <sent and not acknowledged>`, and `stopped` behind them once
 * there are no new commands.
 */
import { createServer, type Socket } from "node:net";
import { type BankCommand, commandLine, nextCommand } from "./commands.ts";
import { onLines } from "./lines.ts";
import { OracleFile } from "./oracle-file.ts";
import { Seeded } from "./seeded.ts";

const inFlightMax = 128;
const tickMs = 10;
const retryAfterMs = 200;
const reportEveryMs = 100;

const [socketPath = "", filePath = "", seed = "", perSecond = ""] = process.argv.slice(2);
const random = new Seeded(Number(seed));
const file = new OracleFile(filePath);
const open = new Map<string, BankCommand>();
/** The connected bank processes, in the order in which they came. */
const banks: Socket[] = [];
let sent = 0;
let acked = 0;
let tokens = 0;
let lastTickMs = performance.now();
let isStopping = false;

function send(command: BankCommand): void {
  if (open.has(command.key)) banks.at(-1)?.write(`${commandLine(command)}\n`);
}

function tick(): void {
  const nowMs = performance.now();
  // A pause is not made up for by a burst.
  tokens = Math.min(inFlightMax, tokens + ((nowMs - lastTickMs) * Number(perSecond)) / 1_000);
  lastTickMs = nowMs;
  issue();
}

function issue(): void {
  while (!isStopping && banks.length > 0 && tokens >= 1 && open.size < inFlightMax) {
    tokens--;
    const command = nextCommand(`k${++sent}`, random);
    open.set(command.key, command);
    file.sent(command, () => send(command));
  }
}

function take(line: string): void {
  const [word, key = ""] = line.split(" ");
  const command = open.get(key);
  // A second acknowledgement, from a process that was thought dead: nothing new.
  if (command === undefined) return;
  if (word === "done") {
    open.delete(key);
    file.done(key, () => acked++);
  } else setTimeout(() => send(command), retryAfterMs);
}

function sendAllAgain(): void {
  for (const command of open.values()) send(command);
}

const server = createServer((socket) => {
  banks.push(socket);
  // It dies when it is killed; that is the point.
  socket.on("error", () => {});
  socket.on("close", () => {
    const wasLast = banks.at(-1) === socket;
    banks.splice(banks.indexOf(socket), 1);
    if (wasLast) sendAllAgain();
  });
  onLines(socket, take);
  sendAllAgain();
});
server.listen(socketPath);

onLines(process.stdin, (line) => {
  if (line === "stop") isStopping = true;
  if (line !== "burst") return;
  tokens = inFlightMax;
  issue();
});
setInterval(tick, tickMs);
setInterval(() => {
  process.stdout.write(`${acked} ${open.size}${isStopping ? " stopped" : ""}\n`);
}, reportEveryMs);
