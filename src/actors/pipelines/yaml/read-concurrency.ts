/** `concurrency:` of a pipeline or a job: the name of a group, or a map as in GitHub Actions. */
import { isMap } from "yaml";
import type { ConcurrencyDefinition } from "../pipeline-definition.ts";
import type { ProblemPath } from "../problem.ts";
import { readTemplate } from "./read-template.ts";
import type { Entry, YamlReader } from "./yaml-reader.ts";

const keys = ["group", "cancel-in-progress"] as const;

export function readConcurrency(
  reader: YamlReader,
  concurrency: Entry | undefined,
  path: ProblemPath,
): ConcurrencyDefinition | undefined {
  if (concurrency === undefined) return undefined;
  const at = [...path, "group"];
  if (!isMap(concurrency.value.node)) {
    reader.note(at, concurrency.value);
    const group = readTemplate(reader, concurrency.value, at);
    return group === undefined ? undefined : { group, cancelInProgress: false };
  }
  const fields = reader.fields(concurrency.value, "a group, or a map with group:", { keys });
  if (fields === undefined) return undefined;
  if (fields.group === undefined) {
    return reader.fault(concurrency.key, {
      code: "missing-key",
      message: "the concurrency has no group",
      expected: "group: with a name",
      received: "a map without group:",
      advice: "add group:, for example group: deploy",
    });
  }
  reader.note(at, fields.group.value);
  const group = readTemplate(reader, fields.group.value, at);
  const cancel = fields["cancel-in-progress"];
  const cancelInProgress = cancel !== undefined && (reader.truth(cancel.value) ?? false);
  return group === undefined ? undefined : { group, cancelInProgress };
}
