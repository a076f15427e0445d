/**
 * Writing to a server stream at the pace of its reader. The stream itself would take sixteen messages of any size before
 * it says that it is full: a thousand readers who do not read would then hold a gigabyte.
 */
import type { ServerWritableStream } from "@grpc/grpc-js";

export interface StreamOutput<Message> {
  /** Fires when the reader has gone. */
  readonly signal: AbortSignal;
  /** Resolves when the stream takes more. Rejects when the reader has gone. */
  send(message: Message): Promise<void>;
}

/** One that the transport sends, and one to go on with. */
const messagesAtOnceMax = 2;

export function streamOutput<Request, Message>(
  call: Pick<ServerWritableStream<Request, Message>, "cancelled" | "once" | "write">,
): StreamOutput<Message> {
  const gone = new AbortController();
  let underWay = 0;
  const waiting: (() => void)[] = [];
  const leave = (): void => {
    gone.abort();
    for (const go of waiting.splice(0)) go();
  };
  if (call.cancelled) leave();
  call.once("cancelled", leave);
  call.once("close", leave);
  // Not called for a stream that has gone: `leave` is.
  const written = (): void => {
    underWay -= 1;
    waiting.shift()?.();
  };
  return {
    signal: gone.signal,
    send: async (message) => {
      gone.signal.throwIfAborted();
      underWay += 1;
      call.write(message, written);
      if (underWay < messagesAtOnceMax) return;
      await new Promise<void>((resolve) => waiting.push(resolve));
      gone.signal.throwIfAborted();
    },
  };
}
