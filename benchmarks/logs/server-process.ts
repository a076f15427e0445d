/** A whole server with ten secrets to give away, that counts what its agent sends. */
import { agentServiceDefinition } from "../../src/server/agent-service.ts";
import { connectControl, startServer } from "../../src/server/index.ts";
import { answerQuestions, usageOf } from "./child.ts";
import { secretOf } from "./secrets.ts";

export interface ServerFigures {
  readonly agentAddress: string;
  readonly token: string;
  /** Messages that carry log bytes, and those bytes. */
  readonly messages: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly memoryPeakBytes: number;
  readonly memoryBytes: number;
}

let messages = 0;
let bytes = 0;

// Counted where messages are read, so that nothing of what is measured has to know of it.
const connect: {
  requestDeserialize: (typeof agentServiceDefinition.connect)["requestDeserialize"];
} = agentServiceDefinition.connect;
const read = connect.requestDeserialize;
connect.requestDeserialize = (input) => {
  const request = read(input);
  if ("message" in request && request.message?.$case === "log") {
    messages++;
    bytes += request.message.value.data.length;
  }
  return request;
};

const dataDir = process.argv[2] ?? "";
const server = await startServer({
  dataDir,
  secretSource: { resolve: (name) => Promise.resolve(secretOf(name)) },
});
const client = await connectControl({ dataDir });
const { token } = await client.createToken({ ttlMs: 0, labels: {} });
client.close();
process.once("SIGTERM", () => void server.stop().then(() => process.exit(0)));

answerQuestions(async (): Promise<ServerFigures> => {
  const { agentAddress } = server;
  return { agentAddress, token, messages, bytes, ...usageOf(process.pid) };
});
