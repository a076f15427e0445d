/** A pipeline that tells from outside of Troupe what ran, and how often. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Jobs write what they do into a ledger; `slow` goes on when the test says so. */
export function pipelineWithLedger(folder: string): { file: string; ledger: string; go: string } {
  const ledger = join(folder, "ledger");
  const go = join(folder, "go");
  const note = `echo "$TROUPE_JOB $TROUPE_ATTEMPT" >> ${ledger}`;
  const file = join(folder, "pipeline.yaml");
  writeFileSync(ledger, "");
  writeFileSync(
    file,
    `name: ledger
jobs:
  first:
    run: |
      ${note}
      echo "n=1" >> "$TROUPE_OUTPUT"
    outputs: [n]
  slow:
    needs: first
    kill-grace: 1s
    run: |
      ${note}
      while [ ! -e ${go} ]; do sleep 0.05; done
      echo "from=$TROUPE_ATTEMPT" >> "$TROUPE_OUTPUT"
    outputs: [from]
  last:
    needs: [first, slow]
    run: |
      ${note}
      echo "\${{ needs.first.outputs.n }} \${{ needs.slow.outputs.from }}"
`,
  );
  return { file, ledger, go };
}

export const ledgerOf = (file: string): string[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
