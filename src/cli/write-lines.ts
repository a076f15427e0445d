/** Lines on standard output, as fast as their reader takes them, until it goes away or the command is interrupted. */
import { once } from "node:events";
import type { CliContext } from "./cli-context.ts";
import { Interruption } from "./interruption.ts";

const CHUNK_CHARACTERS = 65_536;

/** Resolves when all is written, or when nobody wants more. `live`: each line at once, not in chunks. */
export async function writeLines(
  context: CliContext,
  lines: (signal: AbortSignal) => AsyncIterable<string>,
  { live = false }: { readonly live?: boolean } = {},
): Promise<void> {
  const interruption = new Interruption(context);
  const { signal } = interruption;
  const { stdout } = context;
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
      if (signal.aborted) return;
    }
    await flush();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    interruption.dispose();
  }
}
