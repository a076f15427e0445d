/** The files that a job begins with, and those that it leaves. Boundary: knows archives and where they go, no process. */
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import type { Assignment, AttemptRef, StoredFile } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import { sizeText } from "./job-limits.ts";
import { JobProblem } from "./job-program.ts";
import { packArchive } from "./pack-archive.ts";
import { readSummary } from "./summary-file.ts";
import { TransferRefusedError, TransferStoppedError, type Transfers } from "./transfers.ts";
import { ArchiveError, unpackArchive } from "./unpack-archive.ts";

export interface JobFilesOptions {
  readonly assignment: Assignment;
  readonly folder: AttemptFolder;
  readonly transfers: Transfers;
  /** Is the job being stopped? Then no transfer is tried again. */
  readonly stopped: AbortSignal;
}

/** Fetches and unpacks all inputs, in their order. Throws `JobProblem`. */
export async function bringInputs({
  assignment,
  folder,
  transfers,
  stopped,
}: JobFilesOptions): Promise<void> {
  const attempt = assignment.attempt as AttemptRef;
  for (const archive of assignment.inputs) {
    const file = folder.file(`input-${archive.sha256}.tgz`);
    try {
      await transfers.fetch(attempt, archive, file, stopped);
      await unpackArchive(file, folder.workspace);
    } catch (error) {
      if (!(error instanceof ArchiveError || error instanceof TransferRefusedError)) throw error;
      throw new JobProblem(`${archive.what} cannot be used: ${error.message}`);
    } finally {
      await rm(file, { force: true });
    }
  }
}

/** What a job leaves in the server's store. */
export interface JobLeavings {
  readonly artifacts: StoredFile | undefined;
  readonly summary: StoredFile | undefined;
  /** For the log. */
  readonly remarks: readonly string[];
  /** Fails a job that went well otherwise. */
  readonly problem: string | undefined;
}

export const nothingLeft: JobLeavings = {
  artifacts: undefined,
  summary: undefined,
  remarks: [],
  problem: undefined,
};

/** Stores what the job has left. Never throws for what a job did; throws `TransferStoppedError` when it is stopped meanwhile. */
export async function keepLeavings(
  options: JobFilesOptions,
  holdsSecret: (text: string) => boolean,
): Promise<JobLeavings> {
  const summary = await keepSummary(options, holdsSecret);
  const artifacts = await keepArtifacts(options);
  return {
    artifacts: artifacts.stored,
    summary: summary.stored,
    remarks: [summary.remark, artifacts.remark].filter((remark) => remark !== undefined),
    problem: artifacts.problem,
  };
}

interface Kept {
  readonly stored?: StoredFile;
  readonly remark?: string;
  readonly problem?: string;
}

async function keepArtifacts({
  assignment,
  folder,
  transfers,
  stopped,
}: JobFilesOptions): Promise<Kept> {
  const paths = assignment.artifacts;
  if (paths.length === 0) return {};
  const attempt = assignment.attempt as AttemptRef;
  const file = folder.file("artifacts.tgz");
  try {
    const { sha256, bytes, entries } = await packArchive({ folder: folder.workspace, paths, file });
    await transfers.store({ attempt, sha256, bytes }, file, stopped);
    return {
      stored: { sha256, bytes, what: `the artifacts of ${attempt.job}` },
      remark: `kept ${entries} files and folders as artifacts, ${sizeText(bytes)} packed`,
    };
  } catch (error) {
    if (error instanceof TransferStoppedError) throw error;
    const problem = `its artifacts cannot be kept: ${(error as Error).message}`;
    return { problem, remark: problem };
  } finally {
    await rm(file, { force: true });
  }
}

async function keepSummary(
  { assignment, folder, transfers, stopped }: JobFilesOptions,
  holdsSecret: (text: string) => boolean,
): Promise<Kept> {
  const { text, remark } = await readSummary(folder.summaryFile, holdsSecret);
  const remarked = remark === undefined ? {} : { remark };
  if (text === "") return remarked;
  const attempt = assignment.attempt as AttemptRef;
  const file = folder.file("summary-kept.md");
  try {
    await writeFile(file, text, { mode: 0o600 });
    const sha256 = createHash("sha256").update(text).digest("hex");
    const bytes = Buffer.byteLength(text);
    await transfers.store({ attempt, sha256, bytes }, file, stopped);
    return { ...remarked, stored: { sha256, bytes, what: `the summary of ${attempt.job}` } };
  } catch (error) {
    if (error instanceof TransferStoppedError) throw error;
    return { remark: `its summary cannot be kept: ${(error as Error).message}` };
  }
}
