/** `parameters:` of a file. */
import { isScalar } from "yaml";
import type { ParameterDefinition } from "../pipeline-definition.ts";
import { parameterHints } from "./foreign-keys.ts";
import type { Entry, Fields, Spot, YamlReader } from "./yaml-reader.ts";

const keys = ["type", "default", "required", "description", "options"] as const;
const types = ["string", "number", "boolean", "choice"] as const;

type ParameterFields = Fields<(typeof keys)[number]>;

export function readParameters(reader: YamlReader, spot: Spot): ParameterDefinition[] {
  const entries = reader.entries(spot, "a map of parameters, each with its type") ?? [];
  return entries.flatMap((entry, index) => {
    reader.note(["parameters", index], entry.key);
    const parameter = readParameter(reader, entry, index);
    return parameter === undefined ? [] : [parameter];
  });
}

function readParameter(
  reader: YamlReader,
  { name, value }: Entry,
  index: number,
): ParameterDefinition | undefined {
  // `version:` alone is a parameter that must be given, as text.
  const fields = isEmpty(value)
    ? {}
    : reader.fields(value, "a map, for example { type: string }", { keys, hints: parameterHints });
  if (fields === undefined) return undefined;
  const type =
    fields.type === undefined
      ? guessType(fields)
      : reader.choice(fields.type.value, types, "a type of parameter");
  if (fields.default !== undefined)
    reader.note(["parameters", index, "default"], fields.default.value);
  const description =
    fields.description === undefined ? undefined : reader.plainText(fields.description.value);
  const required = fields.required === undefined ? undefined : reader.truth(fields.required.value);
  const common = {
    name,
    // What has a default always has a value.
    required: fields.default === undefined && (required ?? true),
    ...(description === undefined ? {} : { description }),
  };
  if (type !== "choice" && fields.options !== undefined) {
    reader.fault(fields.options.key, {
      code: "unknown-key",
      message: `a parameter of type ${type ?? "string"} has no options`,
      expected: "options only with type: choice",
      received: "options",
      advice: "write type: choice, or remove the options",
    });
  }
  return withValue(reader, { common, fields, type: type ?? "string", index });
}

type Common = Pick<ParameterDefinition, "name" | "required" | "description">;

function withValue(
  reader: YamlReader,
  of: {
    readonly common: Common;
    readonly fields: ParameterFields;
    readonly type: ParameterDefinition["type"];
    readonly index: number;
  },
): ParameterDefinition {
  const { common, fields, type } = of;
  const given = fields.default?.value;
  const withDefault = <T>(value: T | undefined): { default?: T } =>
    value === undefined ? {} : { default: value };
  switch (type) {
    case "string":
      return { ...common, type, ...withDefault(given && reader.plainText(given)) };
    case "number":
      return { ...common, type, ...withDefault(given && reader.number(given)) };
    case "boolean":
      return { ...common, type, ...withDefault(given && reader.truth(given)) };
    case "choice":
      return {
        ...common,
        type,
        of: readOptions(reader, fields.options, of.index),
        ...withDefault(given && reader.plainText(given)),
      };
  }
}

function readOptions(reader: YamlReader, options: Entry | undefined, index: number): string[] {
  if (options === undefined) return [];
  const path = ["parameters", index, "of"];
  reader.note(path, options.value);
  return reader.texts(options.value, "a list of texts").map(({ text, spot }, position) => {
    reader.note([...path, position], spot);
    return text;
  });
}

function guessType(fields: ParameterFields): ParameterDefinition["type"] {
  if (fields.options !== undefined) return "choice";
  const node = fields.default?.value.node;
  const value = isScalar(node) ? node.value : undefined;
  return typeof value === "number" || typeof value === "boolean"
    ? (typeof value as "number" | "boolean")
    : "string";
}

function isEmpty({ node }: Spot): boolean {
  return node === null || (isScalar(node) && node.value === null);
}
