/** What a job wants people to read of it: markdown in the file named by $TROUPE_STEP_SUMMARY. */
import { readJobFile } from "./job-file.ts";
import { agentLimits } from "./limits.ts";

export interface Summary {
  readonly text: string;
  /** For the log: why it is not all there. */
  readonly remark?: string;
}

/** Never throws for what a job did to the file. */
export async function readSummary(
  path: string,
  holdsSecret: (text: string) => boolean,
): Promise<Summary> {
  const most = agentLimits.summaryBytesMax;
  try {
    const { text, size } = await readJobFile(path, most);
    if (holdsSecret(text)) {
      return { text: "", remark: "the summary holds the value of a secret, so it is left out" };
    }
    if (size <= most) return { text };
    // Whole lines only: half a line of markdown may turn the rest of a page into something else.
    const cut = text.slice(0, text.lastIndexOf("\n") + 1) || text;
    return {
      text: `${cut}\n*(cut here: it takes ${size} bytes, and ${most} are kept)*\n`,
      remark: `the summary takes ${size} bytes; what is beyond ${most} is left out`,
    };
  } catch (error) {
    return { text: "", remark: `the summary cannot be read: ${(error as Error).message}` };
  }
}
