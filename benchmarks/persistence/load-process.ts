/**
 * The load generator, apart from what it measures. A closed loop keeps a number of commands in
 * flight; an open loop sends at a rate, come what may, and counts a command's time from when it
 * should have been sent, so that a stall is seen by everything that should have come during it.
 *
 *   load-process.ts <socket> <actors>
 */
import { connect } from "node:net";
import { build, type Histogram } from "hdr-histogram-js";

export type Load =
  | { readonly kind: "closed"; readonly inFlight: number; readonly seconds: number }
  | { readonly kind: "open"; readonly perSecond: number; readonly seconds: number };

export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

const commandBytes = 8;
/** Commands that may be under way: a ring of their start times, by number. */
const slots = 1 << 20;
const openTickMs = 1;

const [socketPath = "", actorsText = ""] = process.argv.slice(2);
const actors = Number(actorsText);
const startedMs = new Float64Array(slots);
const socket = connect(socketPath);
socket.setNoDelay(true);

let number = 0;
let outstanding = 0;
let histogram: Histogram;
let measured = 0;
let onAnswers: (count: number) => void = () => {};

/** `intendedMs(index)`: when each command of the batch should have gone out. */
function send(count: number, intendedMs: (index: number) => number): void {
  if (count === 0) return;
  if (outstanding + count > slots) throw new Error(`${outstanding} commands are unanswered`);
  const bytes = Buffer.allocUnsafe(count * commandBytes);
  for (let index = 0; index < count; index++) {
    const slot = number++ & (slots - 1);
    startedMs[slot] = intendedMs(index);
    bytes.writeUInt32LE(slot, index * commandBytes);
    bytes.writeUInt32LE(number % actors, index * commandBytes + 4);
  }
  outstanding += count;
  socket.write(bytes);
}

let rest: Buffer = Buffer.alloc(0);
socket.on("data", (chunk: Buffer) => {
  const nowMs = performance.now();
  const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    const tookMs = nowMs - (startedMs[bytes.readUInt32LE(at)] ?? nowMs);
    histogram.recordValue(Math.max(1, Math.round(tookMs * 1_000)));
  }
  rest = bytes.subarray(at);
  const count = at / 4;
  outstanding -= count;
  measured += count;
  onAnswers(count);
});
socket.on("close", () => process.exit(1));

function begin(): void {
  histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  measured = 0;
}

function figures(seconds: number): Measured {
  const quantile = (percent: number): number => histogram.getValueAtPercentile(percent) / 1_000;
  return {
    perSecond: measured / seconds,
    p50Ms: quantile(50),
    p99Ms: quantile(99),
    p999Ms: quantile(99.9),
  };
}

function closed(inFlight: number, seconds: number): Promise<Measured> {
  return new Promise((resolve) => {
    begin();
    const beganMs = performance.now();
    const endMs = beganMs + seconds * 1_000;
    onAnswers = (count) => {
      const nowMs = performance.now();
      if (nowMs < endMs) send(count, () => nowMs);
      else if (outstanding === 0) resolve(figures((nowMs - beganMs) / 1_000));
    };
    send(inFlight, () => beganMs);
  });
}

function openLoop(perSecond: number, seconds: number): Promise<Measured> {
  return new Promise((resolve) => {
    begin();
    const beganMs = performance.now();
    const total = Math.round(perSecond * seconds);
    let sent = 0;
    const timer = setInterval(() => {
      const dueMs = performance.now() - beganMs;
      const due = Math.min(total, Math.floor((dueMs * perSecond) / 1_000));
      const first = sent;
      sent = Math.max(sent, due);
      send(sent - first, (index) => beganMs + ((first + index) * 1_000) / perSecond);
      if (sent === total) clearInterval(timer);
    }, openTickMs);
    onAnswers = () => {
      if (sent < total || outstanding > 0) return;
      resolve(figures((performance.now() - beganMs) / 1_000));
    };
  });
}

process.on("message", (load: Load) => {
  const running =
    load.kind === "closed"
      ? closed(load.inFlight, load.seconds)
      : openLoop(load.perSecond, load.seconds);
  void running.then((result) => process.send?.(result));
});
socket.on("connect", () => process.send?.("connected"));
