/** A message as it came in. Log bytes stay where the network's buffer has them; the generated code would copy them. */
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  AttemptRef,
  ConnectRequest,
  type LogChunk,
  LogTime,
} from "../../proto/troupe/agent/v1/agent.ts";

/** The tags of `ConnectRequest.log` and of `LogChunk`'s fields; a test holds this file against the generated code. */
const logTag = (5 << 3) | 2;
const attemptTag = (1 << 3) | 2;
const offsetTag = 2 << 3;
const dataTag = (3 << 3) | 2;
const timesTag = (4 << 3) | 2;

/** Throws where the bytes are no message. */
export function requestFromBytes(bytes: Buffer): ConnectRequest {
  const value = bytes[0] === logTag ? logFromBytes(bytes) : undefined;
  return value === undefined ? ConnectRequest.decode(bytes) : { message: { $case: "log", value } };
}

/** undefined: not as our agents write it; the generated code knows what to make of it. */
function logFromBytes(bytes: Buffer): LogChunk | undefined {
  const reader = new BinaryReader(bytes);
  reader.uint32();
  if (reader.uint32() !== reader.len - reader.pos) return undefined;
  const chunk: LogChunk = { attempt: undefined, offset: 0, data: Buffer.alloc(0), times: [] };
  let expected = attemptTag;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    // In order, and once each but for times: then this is all that the message says.
    if (tag < expected) return undefined;
    expected = tag === timesTag ? tag : tag + 1;
    if (tag === attemptTag) {
      chunk.attempt = AttemptRef.decode(reader, reader.uint32());
    } else if (tag === offsetTag) {
      const offset = Number(reader.uint64());
      if (!Number.isSafeInteger(offset)) return undefined;
      chunk.offset = offset;
    } else if (tag === dataTag) {
      const { buffer, byteOffset, byteLength } = reader.bytes();
      chunk.data = Buffer.from(buffer, byteOffset, byteLength);
    } else if (tag === timesTag) {
      chunk.times.push(LogTime.decode(reader, reader.uint32()));
    } else {
      return undefined;
    }
  }
  return chunk;
}
