import type { ExportedEvent } from "../../../actors/persistence/index.ts";

/** One event on one line, for people. */
export function eventText(event: ExportedEvent): string {
  const { time, persistenceId, sequenceNumber, kind, type, schemaVersion, payload } = event;
  const { open, wakeAt, tags, idempotencyKey } = event;
  const what = kind === "event" ? type : kind === "base" ? "(state)" : "(deleted)";
  const extras = [
    schemaVersion === 1 ? "" : `v${schemaVersion}`,
    open === undefined ? "" : open ? "open" : "closed",
    wakeAt === undefined ? "" : `wakes ${wakeAt}`,
    tags === undefined ? "" : `tags ${tags.join(",")}`,
    idempotencyKey === undefined ? "" : `key ${idempotencyKey}`,
  ].filter((text) => text !== "");
  const notes = extras.length === 0 ? "" : `  [${extras.join("; ")}]`;
  return `${time}  ${persistenceId} #${sequenceNumber}  ${what}  ${JSON.stringify(payload)}${notes}`;
}
