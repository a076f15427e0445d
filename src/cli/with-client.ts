import { resolve } from "node:path";
import { type ControlClient, connectControl } from "../server/index.ts";
import type { CliContext } from "./cli-context.ts";

/** Connects to the server of a data folder for the length of `work`. */
export async function withClient<R>(
  context: CliContext,
  data: string,
  work: (client: ControlClient) => Promise<R>,
): Promise<R> {
  const client = await connectControl({ dataDir: resolve(context.cwd, data) });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
