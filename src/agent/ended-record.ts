/**
 * What is kept on disk of an attempt that has ended, until the server has its result: by this the next
 * start of the agent reports it, as if there had been none between. It lies in the attempt's folder,
 * beside the bytes of its log.
 */
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AttemptRef, JobResult } from "../../proto/troupe/agent/v1/agent.ts";
import { attemptFolderName, isAttempt } from "./attempt.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import type { StoredLog } from "./log-spool.ts";

export interface EndedAttempt {
  readonly result: JobResult & { readonly attempt: AttemptRef };
  readonly log: StoredLog;
}

const fileName = "ended.json";
const version = 1;

/** Throws the disk's error; there is all of it, or nothing. */
export function writeEnded(folder: AttemptFolder, { result, log }: EndedAttempt): void {
  const encoded = Buffer.from(JobResult.encode(result).finish()).toString("base64");
  const draft = folder.file(`ended-${randomBytes(6).toString("hex")}`);
  const text = JSON.stringify({ version, result: encoded, log });
  writeFileSync(draft, text, { mode: 0o600, flag: "wx" });
  renameSync(draft, folder.file(fileName));
}

/** Those of an earlier start, by the name of their folder. What cannot be read was not written to its end: not ended. */
export function readEnded(workFolder: string): Map<string, EndedAttempt> {
  const found = new Map<string, EndedAttempt>();
  for (const name of readdirSync(workFolder)) {
    const ended = read(join(workFolder, name, fileName));
    if (ended !== undefined && attemptFolderName(ended.result.attempt) === name) {
      found.set(name, ended);
    }
  }
  return found;
}

function read(path: string): EndedAttempt | undefined {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as {
      version: number;
      result: string;
      log: StoredLog;
    };
    if (record.version !== version) return undefined;
    const result = JobResult.decode(Buffer.from(record.result, "base64"));
    const { attempt } = result;
    return isAttempt(attempt) ? { result: { ...result, attempt }, log: record.log } : undefined;
  } catch {
    return undefined;
  }
}
