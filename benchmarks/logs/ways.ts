/**
 * The other ways to carry a log over gRPC, each on the same message (`LogChunk` of agent.proto, by the
 * same generated code) where it can be: a call per line, a stream of lines, a stream of batches of a
 * hundred lines, and a stream of raw 64 KiB chunks, which is what the wire can do at all.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { MethodDefinition } from "@grpc/grpc-js";
import { type AttemptRef, LogAck, LogChunk } from "../../proto/troupe/agent/v1/agent.ts";

export const wayNames = ["unary", "lines", "batches", "chunks"] as const;
export type WayName = (typeof wayNames)[number];

/** As what a CI job prints: 100 bytes with the line's end. */
export const lineBytes = 100;
export const batchLines = 100;
export const chunkBytes = 64 * 1024;

export const attempt: AttemptRef = { runId: "run-0123456789abcdef", job: "build", attempt: 1 };

export interface LineBatch {
  readonly lines: readonly LogChunk[];
}

const chunkToBytes = (chunk: LogChunk): Buffer => Buffer.from(LogChunk.encode(chunk).finish());
const ackToBytes = (ack: LogAck): Buffer => Buffer.from(LogAck.encode(ack).finish());

function batchToBytes({ lines }: LineBatch): Buffer {
  const writer = new BinaryWriter();
  for (const line of lines) LogChunk.encode(line, writer.uint32(10).fork()).join();
  return Buffer.from(writer.finish());
}

function batchFromBytes(bytes: Buffer): LineBatch {
  const reader = new BinaryReader(bytes);
  const lines: LogChunk[] = [];
  while (reader.pos < reader.len) {
    reader.uint32();
    lines.push(LogChunk.decode(reader, reader.uint32()));
  }
  return { lines };
}

const answer = {
  responseSerialize: ackToBytes,
  responseDeserialize: (bytes: Buffer): LogAck => LogAck.decode(bytes),
  responseStream: false,
} as const;

const ofChunks = {
  requestSerialize: chunkToBytes,
  requestDeserialize: (bytes: Buffer): LogChunk => LogChunk.decode(bytes),
  ...answer,
} as const;

export const sinkService = {
  unary: { path: "/bench.Sink/Unary", requestStream: false, ...ofChunks },
  lines: { path: "/bench.Sink/Lines", requestStream: true, ...ofChunks },
  chunks: { path: "/bench.Sink/Chunks", requestStream: true, ...ofChunks },
  batches: {
    path: "/bench.Sink/Batches",
    requestStream: true,
    requestSerialize: batchToBytes,
    requestDeserialize: batchFromBytes,
    ...answer,
  },
} satisfies {
  unary: MethodDefinition<LogChunk, LogAck>;
  lines: MethodDefinition<LogChunk, LogAck>;
  chunks: MethodDefinition<LogChunk, LogAck>;
  batches: MethodDefinition<LineBatch, LogAck>;
};
