/** `troupe journal backup` and `restore`. */
import { resolve } from "node:path";
import {
  backupJournal,
  restoreJournal,
  verifyEmbeddedJournal,
} from "../../../actors/persistence/index.ts";
import { journalFolder } from "../../../actors/system/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { byteSize } from "../../render/byte-size.ts";
import { journalDirectory } from "./journal-source.ts";
import { proofLines } from "./verify.ts";

export async function backup(context: CliContext, folder: string, file: string): Promise<number> {
  const directory = journalDirectory(context, folder);
  const { journalId, files, bytes, records } = await backupJournal(
    directory,
    resolve(context.cwd, file),
  );
  context.stdout.write(
    `${file}: journal ${journalId}, ${files} ${files === 1 ? "file" : "files"}, ${records} frames, ${byteSize(bytes)}; its files were verified on the way\n`,
  );
  return exitCodes.ok;
}

export async function restore(context: CliContext, file: string, folder: string): Promise<number> {
  const path = resolve(context.cwd, file);
  const { directory, journalId, original } = await restoreJournal(
    path,
    resolve(context.cwd, folder),
    journalFolder,
  );
  const { stdout } = context;
  stdout.write(
    `${folder}: the journal ${original.journalId} as it was at ${original.madeAt}, now ${journalId}: a journal of its own, which shares no snapshot with the original\n`,
  );
  const proof = await verifyEmbeddedJournal(directory);
  stdout.write(`${proofLines(context, directory, proof).join("\n")}\n`);
  return proof.damages.length === 0 ? exitCodes.ok : exitCodes.failed;
}
