/** Messages as an enemy sends them: sound ones, at the wrong time, cut short, changed, or no messages at all. */
import fc from "fast-check";

/** How many messages each of the two fuzz tests (of servers, of agents) sends in all. */
export const fuzzedMessages = Number(process.env["TROUPE_FUZZ_MESSAGES"] ?? 50_000);

/** In one sequence. */
export const sequenceLength = 40;

export const fuzzRuns = Math.ceil(fuzzedMessages / sequenceLength);

/** What a message is made from; numbers, because making them is cheap. */
export type Seed = readonly [kind: number, a: number, b: number, damage: number];

export const sequences: fc.Arbitrary<Seed[]> = fc.array(
  fc.tuple(fc.nat(1_000), fc.nat(), fc.nat(), fc.nat(1_000)),
  { minLength: sequenceLength, maxLength: sequenceLength },
);

/** One in four is damaged: cut short, a byte changed, bytes of its own in front, or nothing but noise. */
export function damaged(bytes: Uint8Array, [, a, b, damage]: Seed): Buffer {
  const sound = Buffer.from(bytes);
  switch (damage % 16) {
    case 0:
      return sound.subarray(0, a % (sound.length + 1));
    case 1: {
      if (sound.length > 0) sound[a % sound.length] = b & 0xff;
      return sound;
    }
    case 2:
      return Buffer.concat([Buffer.from([b & 0xff, (b >> 8) & 0xff, (b >> 16) & 0xff]), sound]);
    case 3:
      return Buffer.from(
        Array.from({ length: a % 24 }, (_, i) => ((b >> (i % 24)) ^ (a * i)) & 0xff),
      );
    default:
      return sound;
  }
}

/** Offsets, lengths and times at which code tends to be wrong. */
export function oddNumber(seed: number): number {
  const numbers = [0, 1, 2, 7, 100, 65_535, 65_536, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];
  return numbers[seed % numbers.length] ?? 0;
}
