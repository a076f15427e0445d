/** `troupe artifacts`: brings what a job has left into a folder. */
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { JobFile, type ReadJobFileResponse } from "../../../proto/troupe/control/v1/control.ts";
import { unpackArchive } from "../../agent/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { withClient } from "../with-client.ts";

export interface ArtifactsOptions {
  readonly data: string;
  readonly to: string;
}

export function artifacts(
  context: CliContext,
  { runId, job }: { readonly runId: string; readonly job: string },
  options: ArtifactsOptions,
): Promise<number> {
  const folder = resolve(context.cwd, options.to);
  return withClient(context, options.data, async (client) => {
    const temporary = await mkdtemp(join(tmpdir(), "troupe-artifacts-"));
    try {
      const file = join(temporary, "artifacts.tgz");
      const pieces = client.readJobFile({ runId, job, file: JobFile.ARTIFACTS });
      await pipeline(dataOf(pieces), createWriteStream(file));
      await mkdir(folder, { recursive: true });
      const count = await unpackArchive(file, folder);
      context.stdout.write(`${count} files and folders in ${options.to}\n`);
      return exitCodes.ok;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
}

async function* dataOf(pieces: AsyncIterable<ReadJobFileResponse>): AsyncGenerator<Uint8Array> {
  for await (const { data } of pieces) yield data;
}
