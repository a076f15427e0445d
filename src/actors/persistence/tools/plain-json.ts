/**
 * Payloads as JSON that loses nothing. What JSON has no word for is an object with one key that starts with "$":
 *
 *   {"$bytes":"base64"}  {"$date":"2026-01-31T12:00:00.000Z"}  {"$bigint":"9007199254740993"}
 *   {"$number":"NaN"}    {"$undefined":true}
 *   {"$object":{…}}      an object of the payload that looks like one of these
 */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export function plainJson(value: unknown): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : { $number: String(value) };
    case "bigint":
      return { $bigint: value.toString() };
    case "undefined":
      return { $undefined: true };
    case "object":
      return value === null ? null : jsonOfObject(value);
    default:
      throw new TypeError(`a ${typeof value} cannot come out of the journal`);
  }
}

function jsonOfObject(value: object): Json {
  if (Array.isArray(value)) return value.map(plainJson);
  if (value instanceof Date) return { $date: value.toISOString() };
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $bytes: bytes.toString("base64") };
  }
  const json: Record<string, Json> = {};
  for (const [key, inner] of Object.entries(value)) json[key] = plainJson(inner);
  return isMarker(json) ? { $object: json } : json;
}

function isMarker(json: object): boolean {
  const keys = Object.keys(json);
  return keys.length === 1 && (keys[0] as string).startsWith("$");
}

/** The value that `plainJson` was given. */
export function valueOfPlainJson(json: Json): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return (json as readonly Json[]).map(valueOfPlainJson);
  const record = json as { readonly [key: string]: Json };
  if (isMarker(record)) return valueOfMarker(record);
  return valueOfRecord(record);
}

function valueOfRecord(record: { readonly [key: string]: Json }): unknown {
  return Object.fromEntries(Object.entries(record).map(([key, v]) => [key, valueOfPlainJson(v)]));
}

function valueOfMarker(record: { readonly [key: string]: Json }): unknown {
  const [marker, inner] = Object.entries(record)[0] as [string, string];
  switch (marker) {
    case "$bytes":
      return Buffer.from(inner, "base64");
    case "$date":
      return new Date(inner);
    case "$bigint":
      return BigInt(inner);
    case "$number":
      return Number(inner);
    case "$undefined":
      return undefined;
    case "$object":
      return valueOfRecord(inner as unknown as { readonly [key: string]: Json });
    default:
      throw new TypeError(`${JSON.stringify(marker)} is no marker of this format`);
  }
}
