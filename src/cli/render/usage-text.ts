/** What a job used, in a few words; empty where nobody counted it. */
import type { JobUsage } from "../../../proto/troupe/control/v1/control.ts";
import { sizeText } from "../../actors/pipelines/index.ts";
import { duration } from "./duration.ts";

/** `cpu 1.2 s, 45 MiB`; traffic with disks only where it is worth a word. */
export function usageText(usage: JobUsage | undefined): string {
  if (usage === undefined) return "";
  const { cpuMs, memoryPeakBytes, readBytes, writtenBytes } = usage;
  return [
    `cpu ${duration(cpuMs)}`,
    ...(memoryPeakBytes === 0 ? [] : [sizeText(memoryPeakBytes)]),
    ...(readBytes + writtenBytes < worthAWordBytes
      ? []
      : [`disk ${sizeText(readBytes + writtenBytes)}`]),
  ].join(", ");
}

const worthAWordBytes = 1024 * 1024;
