/**
 * A message as it goes out. Log bytes, nearly all that is ever sent, are copied once; the generated code
 * would copy them into a growing buffer, and that one again.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { ConnectRequest, LogChunk } from "../../proto/troupe/agent/v1/agent.ts";

/** The tags of `ConnectRequest.log` and `LogChunk.data`; a test holds this file against the generated code. */
const logTag = (5 << 3) | 2;
const dataTag = (3 << 3) | 2;
const noBytes = Buffer.alloc(0);

/** `take` gives memory for a message of that many bytes. */
export function requestBytes(request: ConnectRequest, take: (bytes: number) => Buffer): Buffer {
  const { message } = request;
  if (message?.$case !== "log" || message.value.data.length === 0) {
    const encoded = ConnectRequest.encode(request).finish();
    const bytes = take(encoded.length);
    bytes.set(encoded);
    return bytes;
  }
  const { attempt, offset, data, times } = message.value;
  const about = LogChunk.encode({ attempt, offset, data: noBytes, times: [] }).finish();
  const tail = LogChunk.encode({ attempt: undefined, offset: 0, data: noBytes, times }).finish();
  const beforeData = new BinaryWriter().raw(about).uint32(dataTag).uint32(data.length).finish();
  const head = new BinaryWriter()
    .uint32(logTag)
    .uint32(beforeData.length + data.length + tail.length)
    .raw(beforeData)
    .finish();
  const bytes = take(head.length + data.length + tail.length);
  bytes.set(head);
  bytes.set(data, head.length);
  bytes.set(tail, head.length + data.length);
  return bytes;
}
