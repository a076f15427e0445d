/** How many lines a second, in how many messages, for how much processor time: ours and the other ways. */
import type { Bench, Figure } from "../suite.ts";
import { type Child, startChild } from "./child.ts";
import type { Line, LineUsage } from "./line.ts";
import type { SendAnswer } from "./sender-process.ts";
import type { SinkFigures } from "./sink-process.ts";
import { lineBytes, type WayName } from "./ways.ts";

interface Measured {
  readonly linesPerS: Figure;
  readonly messagesPerLine: number;
}

interface Totals {
  lines: number;
  messages: number;
  bytes: number;
  cpuMs: number;
}

const titles: Readonly<Record<WayName, string>> = {
  unary: "unary call per line, 64 at once, to nowhere",
  lines: "stream, a message per line, to nowhere",
  batches: "stream, batches of 100 lines, to nowhere",
  chunks: "stream, raw 64 KiB chunks, to nowhere",
};

/** Each takes about half a second on two cores that have nothing else to do; without `--quick`, ten times as much. */
const linesOf: Readonly<Record<WayName, number>> = {
  unary: 1_000,
  lines: 20_000,
  batches: 100_000,
  chunks: 500_000,
};

export async function throughputFigures(bench: Bench, line: Line): Promise<void> {
  const scale = bench.quick ? 1 : 10;
  const theirs = {
    unary: await theirWay(bench, "unary", scale),
    lines: await theirWay(bench, "lines", scale),
    batches: await theirWay(bench, "batches", scale),
    chunks: await theirWay(bench, "chunks", scale),
  };
  const ours = await ourWay(bench, line, 1_000_000 * scale);
  const rate = (of: Measured): number => of.linesPerS.value;
  bench.state(
    "fewer messages than one per line, %",
    100 * (1 - ours.messagesPerLine / theirs.lines.messagesPerLine),
    { atLeast: 99.8 },
  );
  // Across classes on purpose: ours stores what the others throw away.
  bench.state("lines/s, ours / stream per line", rate(ours) / rate(theirs.lines), { atLeast: 15 });
  bench.state("lines/s, ours / unary per line", rate(ours) / rate(theirs.unary));
  bench.state("lines/s, ours / batches of 100", rate(ours) / rate(theirs.batches));
  bench.state("lines/s, ours / raw 64 KiB chunks", rate(ours) / rate(theirs.chunks), {
    atLeast: 0.6,
  });
  bench.state("lines/s of 100 B, ours", rate(ours), { atLeast: 400_000 });
}

async function theirWay(bench: Bench, way: WayName, scale: number): Promise<Measured> {
  const lines = linesOf[way] * scale;
  const [sink, sender] = [startChild("sink-process"), startChild("sender-process")];
  try {
    const { port } = await sink.ask<SinkFigures>({});
    const totals = noTotals();
    const peaks = { sink: 0, sender: 0 };
    const linesPerS = await bench.measure(titles[way], { unit: "lines/s", runs: 3 }, async () => {
      const sent = await oneSend(sink, sender, { way, port, lines }, totals);
      Object.assign(peaks, { sink: sent.sinkPeakBytes, sender: sent.senderPeakBytes });
      return (lines / sent.tookMs) * 1_000;
    });
    const sides = [["sender", peaks.sender] as const, ["server", peaks.sink] as const];
    return report(bench, { name: way, linesPerS, totals, peaks: sides });
  } finally {
    await Promise.all([sink.stop(), sender.stop()]);
  }
}

async function oneSend(
  sink: Child,
  sender: Child,
  question: { way: WayName; port: number; lines: number },
  totals: Totals,
): Promise<{ tookMs: number; sinkPeakBytes: number; senderPeakBytes: number }> {
  const before = await sink.ask<SinkFigures>({});
  const sent = await sender.ask<SendAnswer>(question);
  const after = await sink.ask<SinkFigures>({});
  if (after.bytes - before.bytes !== question.lines * lineBytes) throw new Error("bytes were lost");
  totals.lines += question.lines;
  totals.messages += after.messages - before.messages;
  totals.bytes += after.bytes - before.bytes;
  totals.cpuMs += after.cpuMs - before.cpuMs + sent.cpuMs;
  const { memoryPeakBytes: senderPeakBytes, tookMs } = sent;
  return { tookMs, sinkPeakBytes: after.memoryPeakBytes, senderPeakBytes };
}

async function ourWay(bench: Bench, line: Line, lines: number): Promise<Measured> {
  const script = line.printing(lines);
  const totals = noTotals();
  let last: LineUsage | undefined;
  const linesPerS = await bench.measure(
    "ours: job's pipe, agent, server, store; ten secrets masked",
    { unit: "lines/s", runs: 3, durability: "process" },
    async () => {
      const before = await line.usage();
      const tookMs = await line.run(script);
      const after = await line.usage();
      if (after.bytes - before.bytes !== lines * lineBytes) throw new Error("bytes were lost");
      totals.lines += lines;
      totals.messages += after.messages - before.messages;
      totals.bytes += after.bytes - before.bytes;
      totals.cpuMs += after.cpuMs - before.cpuMs;
      last = after;
      return (lines / tookMs) * 1_000;
    },
  );
  const { agentPeakBytes = 0, serverPeakBytes = 0 } = last ?? {};
  const peaks = [["agent", agentPeakBytes] as const, ["server", serverPeakBytes] as const];
  return report(bench, { name: "ours", linesPerS, totals, peaks });
}

function noTotals(): Totals {
  return { lines: 0, messages: 0, bytes: 0, cpuMs: 0 };
}

interface Report {
  readonly name: string;
  readonly linesPerS: Figure;
  readonly totals: Totals;
  /** Highest memory, in bytes, by side. */
  readonly peaks: readonly (readonly [string, number])[];
}

function report(bench: Bench, { name, linesPerS, totals, peaks }: Report): Measured {
  const { durability } = linesPerS;
  const one = (what: string, unit: string, value: number): void => {
    bench.record(`${name}: ${what}`, { unit, durability }, { values: [value] });
  };
  one("messages per 1,000 lines", "messages", (1_000 * totals.messages) / totals.lines);
  one("bytes of log per message", "bytes", totals.bytes / totals.messages);
  one("processor time per line, both sides", "µs", (1_000 * totals.cpuMs) / totals.lines);
  for (const [side, bytes] of peaks) {
    one(`peak memory of the ${side}`, "MiB", bytes / (1_024 * 1_024));
  }
  return { linesPerS, messagesPerLine: totals.messages / totals.lines };
}
