import { randomBytes, randomUUID } from "node:crypto";

/** Randomness, injected so that a run can be repeated from its seed. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A version 4 UUID in lower case. */
  uuid(): string;
  /** `count` random bytes. */
  bytes(count: number): Uint8Array;
}

/** The machine's randomness; `uuid` and `bytes` are fit for secrets. */
export const systemRandom: Random = {
  next: () => Math.random(),
  uuid: () => randomUUID(),
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

function uuidFrom(bytes: Uint8Array): string {
  const hex: string[] = [];
  for (const [index, byte] of bytes.entries()) {
    const marked = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte;
    hex.push(marked.toString(16).padStart(2, "0"));
    if (index === 3 || index === 5 || index === 7 || index === 9) hex.push("-");
  }
  return hex.join("");
}

/** The same seed gives the same sequence for ever (mulberry32). Not fit for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const bytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => Math.floor(next() * 256));
  return { next, bytes, uuid: () => uuidFrom(bytes(16)) };
}
