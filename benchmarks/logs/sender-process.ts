/** Sends a log of so many lines in one of the other ways, as fast as it goes. */
import { once } from "node:events";
import { Client, type ClientWritableStream, credentials } from "@grpc/grpc-js";
import type { LogAck, LogChunk } from "../../proto/troupe/agent/v1/agent.ts";
import { answerQuestions, usageOf } from "./child.ts";
import {
  attempt,
  batchLines,
  chunkBytes,
  type LineBatch,
  lineBytes,
  sinkService,
  type WayName,
} from "./ways.ts";

export interface SendQuestion {
  readonly way: WayName;
  readonly port: number;
  readonly lines: number;
}

export interface SendAnswer {
  readonly tookMs: number;
  readonly cpuMs: number;
  readonly memoryPeakBytes: number;
}

/** Calls under way at once: what a logger that waits for each answer would never do. */
const unaryAtOnce = 64;

const line = Buffer.alloc(lineBytes, "x");
line[lineBytes - 1] = 10;
const chunk = Buffer.alloc(chunkBytes, line);

answerQuestions(async ({ way, port, lines }: SendQuestion): Promise<SendAnswer> => {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const before = usageOf(process.pid).cpuMs;
  const startedMs = performance.now();
  if (way === "unary") await calls(client, lines);
  else await streamed(client, way, lines);
  const tookMs = performance.now() - startedMs;
  client.close();
  const { cpuMs, memoryPeakBytes } = usageOf(process.pid);
  return { tookMs, cpuMs: cpuMs - before, memoryPeakBytes };
});

async function calls(client: Client, lines: number): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = sinkService.unary;
  let sent = 0;
  const lane = async (): Promise<void> => {
    while (sent < lines) {
      const offset = sent++ * lineBytes;
      await new Promise<void>((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          { attempt, offset, data: line, times: [] },
          (error) => (error === null ? resolve() : reject(error)),
        );
      });
    }
  };
  await Promise.all(Array.from({ length: unaryAtOnce }, lane));
}

async function streamed(client: Client, way: "lines" | "batches" | "chunks", lines: number) {
  let done: (error: Error | null) => void = () => {};
  const ended = new Promise<void>((resolve, reject) => {
    done = (error) => (error === null ? resolve() : reject(error));
  });
  const call = open(client, way, (error) => done(error));
  for (const message of messages(way, lines)) {
    if (!call.write(message)) await once(call, "drain");
  }
  call.end();
  await ended;
}

function open(
  client: Client,
  way: "lines" | "batches" | "chunks",
  done: (error: Error | null) => void,
): ClientWritableStream<LogChunk | LineBatch> {
  const { path, requestSerialize, responseDeserialize } = sinkService[way];
  const serialize = requestSerialize as (message: LogChunk | LineBatch) => Buffer;
  return client.makeClientStreamRequest<LogChunk | LineBatch, LogAck>(
    path,
    serialize,
    responseDeserialize,
    (error) => done(error),
  );
}

function* messages(way: "lines" | "batches" | "chunks", lines: number) {
  const bytes = lines * lineBytes;
  if (way === "chunks") {
    for (let offset = 0; offset < bytes; offset += chunkBytes) {
      const data = chunk.subarray(0, Math.min(chunkBytes, bytes - offset));
      yield { attempt, offset, data, times: [] };
    }
    return;
  }
  const lineAt = (n: number): LogChunk => ({
    attempt,
    offset: n * lineBytes,
    data: line,
    times: [],
  });
  if (way === "lines") {
    for (let n = 0; n < lines; n++) yield lineAt(n);
    return;
  }
  for (let n = 0; n < lines; n += batchLines) {
    const count = Math.min(batchLines, lines - n);
    yield { lines: Array.from({ length: count }, (_, i) => lineAt(n + i)) };
  }
}
