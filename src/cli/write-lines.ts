/** Lines on standard output, as fast as their reader takes them, until it goes away or the command is interrupted. */
import { once } from "node:events";
import type { CliContext } from "./cli-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { Interruption } from "./interruption.ts";

const CHUNK_CHARACTERS = 65_536;

/**
 * Resolves when all is written, or when nobody wants more, with the exit code of that: `interrupted` after a signal.
 * `live`: each line at once, not in chunks.
 */
export async function writeLines(
  context: CliContext,
  lines: (signal: AbortSignal) => AsyncIterable<string>,
  { live = false }: { readonly live?: boolean } = {},
): Promise<number> {
  const interruption = new Interruption(context);
  const { signal } = interruption;
  const { stdout, outputLoss } = context;
  let waiting = "";
  const flush = async (): Promise<void> => {
    const text = waiting;
    waiting = "";
    if (text !== "" && !stdout.write(text)) await once(stdout, "drain", { signal });
  };
  try {
    for await (const line of lines(signal)) {
      waiting += `${line}\n`;
      if (live || waiting.length >= CHUNK_CHARACTERS) await flush();
      if (signal.aborted) break;
    }
    if (!signal.aborted) await flush();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    interruption.dispose();
  }
  const isOver = !signal.aborted || outputLoss.cause !== undefined;
  return isOver ? exitCodes.ok : exitCodes.interrupted;
}
