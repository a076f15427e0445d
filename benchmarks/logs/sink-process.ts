/** A server that takes logs in every other way, and throws them away. */
import {
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { LogAck, LogChunk } from "../../proto/troupe/agent/v1/agent.ts";
import { answerQuestions, usageOf } from "./child.ts";
import { attempt, type LineBatch, sinkService } from "./ways.ts";

export interface SinkFigures {
  readonly port: number;
  readonly messages: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly memoryPeakBytes: number;
}

let messages = 0;
let bytes = 0;

function taken(chunk: LogChunk): void {
  messages++;
  bytes += chunk.data.length;
}

function stream<Message>(take: (message: Message) => void) {
  return (call: ServerReadableStream<Message, LogAck>, done: sendUnaryData<LogAck>): void => {
    call.on("data", take);
    call.on("end", () => done(null, { attempt, offset: bytes }));
  };
}

const server = new Server();
server.addService(sinkService, {
  unary: (call: ServerUnaryCall<LogChunk, LogAck>, done: sendUnaryData<LogAck>) => {
    taken(call.request);
    done(null, { attempt, offset: bytes });
  },
  lines: stream(taken),
  chunks: stream(taken),
  batches: stream(({ lines }: LineBatch) => {
    messages++;
    for (const line of lines) bytes += line.data.length;
  }),
});
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
});

answerQuestions(
  async (): Promise<SinkFigures> => ({ port, messages, bytes, ...usageOf(process.pid) }),
);
