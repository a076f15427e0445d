/** Appending and reading, as the tests of this folder do it. */

import { isTroupeError } from "../../../../src/actors/kernel/index.ts";
import type {
  AppendResult,
  Journal,
  JournalRecord,
  Position,
} from "../../../../src/actors/persistence/journal.ts";

export function bytesOf(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function textOf({ bytes }: Pick<JournalRecord, "bytes">): string {
  return new TextDecoder().decode(bytes);
}

export async function append(
  journal: Journal,
  shard: number,
  value: string,
): Promise<AppendResult> {
  const { end } = await journal.tail(shard);
  const [result] = await journal.append([{ shard, expected: end, bytes: bytesOf(value) }]);
  if (result === undefined) throw new Error("append answered nothing");
  return result;
}

/** Appends and returns the place; throws when it did not land. */
export async function land(journal: Journal, shard: number, value: string): Promise<Position> {
  const result = await append(journal, shard, value);
  if (result.outcome !== "at") throw result.cause;
  return result.at;
}

export async function readShard(journal: Journal, shard: number): Promise<readonly string[]> {
  const texts: string[] = [];
  let { low: position } = await journal.tail(shard);
  for (;;) {
    const page = await journal.read(shard, position, 1 << 16);
    if (page.records.length === 0) return texts;
    texts.push(...page.records.map(textOf));
    position = page.next;
  }
}

/** The code and message of the error that a call ends with. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ code: string; message: string }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isTroupeError(error)) throw new Error(`expected a TroupeError, got ${String(error)}`);
  return { code: error.code, message: error.message };
}
