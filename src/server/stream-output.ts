/** Writing to a server stream at the pace of its reader. */
import type { ServerWritableStream } from "@grpc/grpc-js";

export interface StreamOutput<Message> {
  /** Fires when the reader has gone. */
  readonly signal: AbortSignal;
  /** Resolves when the stream takes more. Rejects when the reader has gone. */
  send(message: Message): Promise<void>;
}

export function streamOutput<Request, Message>(
  call: ServerWritableStream<Request, Message>,
): StreamOutput<Message> {
  const gone = new AbortController();
  if (call.cancelled) gone.abort();
  call.once("cancelled", () => gone.abort());
  call.once("close", () => gone.abort());
  return {
    signal: gone.signal,
    send: async (message) => {
      gone.signal.throwIfAborted();
      if (call.write(message)) return;
      await new Promise<void>((resolve, reject) => {
        const settle = (): void => {
          call.off("drain", settle);
          gone.signal.removeEventListener("abort", settle);
          if (gone.signal.aborted) reject(gone.signal.reason as Error);
          else resolve();
        };
        call.once("drain", settle);
        gone.signal.addEventListener("abort", settle, { once: true });
      });
    },
  };
}
