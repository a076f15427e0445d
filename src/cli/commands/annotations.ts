/** `troupe annotations`: what the jobs of a run said of their source. */
import type { Annotation as AnnotationMessage } from "../../../proto/troupe/control/v1/control.ts";
import type { Severity } from "../../actors/logs/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { annotationOf, annotationText } from "../render/outline-text.ts";
import { withClient } from "../with-client.ts";
import { writeLines } from "../write-lines.ts";

export interface AnnotationsOptions {
  readonly data: string;
  readonly attempt?: number;
  readonly severity?: Severity;
  readonly json?: boolean;
}

export function annotations(
  context: CliContext,
  { runId, job = "" }: { readonly runId: string; readonly job: string | undefined },
  { data, attempt = 0, severity, json }: AnnotationsOptions,
): Promise<number> {
  return withClient(context, data, async (client) => {
    await writeLines(context, async function* (signal) {
      const outline = client.outlineLog({ runId, job, attempt }, signal);
      for await (const { item, job: of, attempt: number } of outline) {
        if (item?.$case !== "annotation") continue;
        const annotation = annotationOf(item.value);
        if (severity !== undefined && annotation.severity !== severity) continue;
        yield json === true
          ? JSON.stringify({ job: of, attempt: number, ...annotation, ...placeOf(item.value) })
          : `${of}: ${annotationText(annotation, context.out)}`;
      }
    });
    return exitCodes.ok;
  });
}

function placeOf({ group, offset, atMs }: AnnotationMessage) {
  return { ...(group !== "" && { group }), offset, ...(atMs > 0 && { atMs }) };
}
