/** What jobs said of their source, in one line each. */
import {
  type Annotation as AnnotationMessage,
  Severity as SeverityMessage,
} from "../../../proto/troupe/control/v1/control.ts";
import type { Annotation, Severity } from "../../actors/logs/index.ts";
import type { Style } from "./style.ts";

const formats = { error: "red", warning: "yellow", notice: "cyan" } as const;

export function annotationText(
  { severity, message, title, file, line, column }: Annotation,
  style: Style,
): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  const text = [place, title, message].filter((part) => part !== undefined && part !== "");
  return `${style.paint(formats[severity], `${severity}:`)} ${oneLine(text.join(": "))}`;
}

/** What an escape brought back: the screen gets it as a space. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001a\u001c-\u001f\u007f]+/g, " ");
}

/** As the server lists it; what it does not say is left out. */
export function annotationOf(of: AnnotationMessage): Annotation {
  return {
    severity: severityWord(of.severity),
    message: of.message,
    ...(of.title !== "" && { title: of.title }),
    ...(of.file !== "" && { file: of.file }),
    ...(of.line > 0 && { line: of.line }),
    ...(of.endLine > 0 && { endLine: of.endLine }),
    ...(of.column > 0 && { column: of.column }),
    ...(of.endColumn > 0 && { endColumn: of.endColumn }),
  };
}

function severityWord(severity: SeverityMessage): Severity {
  if (severity === SeverityMessage.ERROR) return "error";
  return severity === SeverityMessage.WARNING ? "warning" : "notice";
}
