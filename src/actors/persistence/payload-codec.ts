/**
 * Turns payloads of events, timers, replies and snapshots into bytes and back.
 *
 * Boundary: knows values and MessagePack; knows nothing of frames, events or entities.
 *
 * Invariants:
 *  C1. What `encodePayload` takes, `decodePayload` gives back equal (a negative zero becomes zero,
 *      half of a surrogate pair U+FFFD, and a Uint8Array comes back as a Buffer, which is one).
 *  C2. What could not come back equal is refused before any byte is made, with the path to it:
 *      functions, symbols, class instances (Map, Set and Error too), cycles, invalid dates, integers
 *      beyond 64 bits.
 *  C3. Decoded values share no memory with the bytes they came from.
 */
import { Unpackr } from "msgpackr";
import { limits, TroupeError } from "../kernel/index.ts";
import { PayloadReader, unread } from "./payload-reader.ts";
import { isPlainObject, isStorableInstance, PayloadWriter, unstorable } from "./payload-writer.ts";

const unpackr = new Unpackr({ useRecords: false, copyBuffers: true });
const writer = new PayloadWriter();
const reader = new PayloadReader();
const NOTHING = new Uint8Array(0);

/** A value that is safe to keep: a private copy, and the bytes that bring it back. */
export interface StoredValue {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

/** Names a value in an error; a function where many values are stored and few are refused. */
export type What = string | (() => string);

/**
 * Copies and encodes in one walk. The copy is what `decodePayload` will give back later, so state
 * that is made from it now equals state that is recovered, and no caller's object ends up in it.
 * `what` names the value in the error, for instance `The event "deposited" of account/alice`.
 * @throws TROUPE_PAYLOAD_INVALID with the path to the part that cannot be stored.
 */
export function storePayload(value: unknown, what: What): StoredValue {
  if (value === undefined) return { value, bytes: NOTHING };
  const own = writer.isWriting ? new PayloadWriter() : writer;
  const copy = own.write(value);
  if (copy === unstorable) throw invalid(value, what);
  return { value: copy, bytes: own.take() };
}

function invalid(value: unknown, what: What): TroupeError {
  const offence = findOffence(value, "payload", []) ?? {
    path: "payload",
    problem: "of no known kind",
  };
  return new TroupeError("TROUPE_PAYLOAD_INVALID", {
    what: typeof what === "string" ? what : what(),
    ...offence,
  });
}

/** The bytes alone. @throws as `storePayload`. */
export function encodePayload(value: unknown, what: What): Uint8Array {
  return storePayload(value, what).bytes;
}

/** Once, for bytes of `storePayload` or `encodePayload` that nobody reads any more: their memory is used again. */
export function releasePayload(bytes: Uint8Array): void {
  writer.giveBack(bytes);
}

/** The value that `storePayload` was given. */
export function decodePayload(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  // What bytes inside of it come back as is what it is given.
  const { buffer, byteOffset, length } = bytes;
  const own = bytes instanceof Buffer ? bytes : Buffer.from(buffer, byteOffset, length);
  const value = reader.read(own);
  return value === unread ? unpackr.unpack(own) : value;
}

interface Offence {
  readonly path: string;
  readonly problem: string;
}

/** Runs only after the writer said no: finds where, and says why. */
function findOffence(value: unknown, path: string, ancestors: object[]): Offence | undefined {
  const problem = problemOf(value, ancestors);
  if (problem !== undefined) return { path, problem };
  if (typeof value !== "object" || value === null || value instanceof Date) return undefined;
  if (value instanceof Uint8Array) return undefined;
  ancestors.push(value);
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key];
    const found = findOffence(inner, `${path}${step(value, key)}`, ancestors);
    if (found !== undefined) return found;
  }
  ancestors.pop();
  return undefined;
}

function step(parent: object, key: string): string {
  if (Array.isArray(parent)) return `[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function problemOf(value: unknown, ancestors: readonly object[]): string | undefined {
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value === "bigint") {
    return BigInt.asIntN(64, value) === value ? undefined : "a bigint of more than 64 bits";
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (ancestors.includes(value)) return "a cycle: it refers to a value that holds it";
  if (ancestors.length >= limits.payloadDepthMax) {
    return `nested deeper than ${limits.payloadDepthMax} levels`;
  }
  if (Array.isArray(value)) return undefined;
  return isPlainObject(value) ? problemOfKeys(value) : problemOfInstance(value);
}

function problemOfKeys(value: object): string | undefined {
  if (Object.getOwnPropertySymbols(value).length > 0) return "an object with a symbol as a key";
  if (Object.hasOwn(value, "__proto__")) return 'an object with the key "__proto__"';
  return undefined;
}

function problemOfInstance(value: object): string | undefined {
  if (isStorableInstance(value)) return undefined;
  if (value instanceof Date) return "an invalid date";
  if (value instanceof Map) return "a Map (an object or an array of pairs can be stored)";
  if (value instanceof Set) return "a Set (an array can be stored)";
  if (value instanceof Error) return "an Error (its message can be stored)";
  const name = (value.constructor as { name?: string } | undefined)?.name;
  return `an instance of ${name || "a class without a name"}`;
}
