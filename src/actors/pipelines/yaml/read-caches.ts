/** `cache:` of a job: one map with key, restore-keys and paths, or a list of such. */
import { isSeq } from "yaml";
import type { CacheDefinition, Template } from "../pipeline-definition.ts";
import type { ProblemPath } from "../problem.ts";
import { readTemplate } from "./read-template.ts";
import type { Entry, Spot, YamlReader } from "./yaml-reader.ts";

const keys = ["key", "restore-keys", "paths"] as const;

const hints = {
  path: "write paths:",
  folders: "write paths:",
  restore_keys: "write restore-keys:",
  fallback_keys: "write restore-keys:",
  policy: "remove it: a cache is restored before the script, and saved after it has succeeded",
  when: "remove it: a cache is saved after the job has succeeded",
};

const what = "a map with key: and paths:, or a list of such";

export function readCaches(
  reader: YamlReader,
  cache: Entry | undefined,
  path: ProblemPath,
): readonly CacheDefinition[] | undefined {
  if (cache === undefined) return undefined;
  reader.note(path, cache.key);
  const isList = isSeq(cache.value.node);
  const spots = isList ? (reader.items(cache.value, what) ?? []) : [cache.value];
  return spots.flatMap((spot, index) => {
    const read = readCache(reader, spot, [...path, index]);
    return read === undefined ? [] : [read];
  });
}

function readCache(reader: YamlReader, spot: Spot, path: ProblemPath): CacheDefinition | undefined {
  reader.note(path, spot);
  const fields = reader.fields(spot, what, { keys, hints });
  if (fields === undefined) return undefined;
  for (const name of ["key", "paths"] as const) {
    if (fields[name] !== undefined) continue;
    const example =
      name === "key" ? "key: npm-${{ hashFiles('package-lock.json') }}" : "paths: [.npm]";
    return reader.fault(spot, {
      code: "missing-key",
      message: name === "key" ? "the cache has no key" : "the cache says not what it keeps",
      expected: `${name}:`,
      received: `a map without ${name}:`,
      advice: `add ${name}:, for example ${example}`,
    });
  }
  const key = templateOf(reader, fields.key?.value, [...path, "key"]);
  const restoreKeys = listed(reader, fields["restore-keys"]?.value).map((each, index) =>
    templateOf(reader, each, [...path, "restoreKeys", index]),
  );
  const paths =
    (fields.paths && reader.texts(fields.paths.value, "a file or folder, or a list of them")) ?? [];
  paths.forEach((each, index) => reader.note([...path, "paths", index], each.spot));
  if (key === undefined) return undefined;
  return {
    key,
    restoreKeys: restoreKeys.filter((each) => each !== undefined),
    paths: paths.map(({ text }) => text),
  };
}

function templateOf(
  reader: YamlReader,
  spot: Spot | undefined,
  path: ProblemPath,
): Template | undefined {
  if (spot === undefined) return undefined;
  reader.note(path, spot);
  return readTemplate(reader, spot, path);
}

function listed(reader: YamlReader, spot: Spot | undefined): readonly Spot[] {
  if (spot === undefined) return [];
  return isSeq(spot.node) ? (reader.items(spot, "a list of keys") ?? []) : [spot];
}
