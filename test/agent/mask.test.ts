import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Masker } from "../../src/agent/mask.ts";
import { isMaskable, secretForms } from "../../src/agent/secret-forms.ts";

/** What K1 says, written as slowly as it reads: every occurrence of every pattern, then the gaps. */
function masked(patterns: readonly Uint8Array[], input: Buffer): string {
  const hidden = new Uint8Array(input.length);
  for (const pattern of patterns) {
    for (let at = input.indexOf(pattern); at >= 0; at = input.indexOf(pattern, at + 1)) {
      hidden.fill(1, at, at + pattern.length);
    }
  }
  const pieces: string[] = [];
  for (let at = 0; at < input.length; at++) {
    if (hidden[at] === 0) pieces.push(String.fromCharCode(input[at] as number));
    else if (at === 0 || hidden[at - 1] === 0) pieces.push("***");
  }
  return pieces.join("");
}

function maskedInPieces(patterns: readonly Uint8Array[], pieces: readonly Uint8Array[]): string {
  const out: Buffer[] = [];
  const masker = new Masker(patterns, (bytes) => out.push(Buffer.from(bytes)));
  for (const piece of pieces) {
    // One buffer that is used again for every piece, as the pipe's is.
    const reused = Buffer.from(piece);
    masker.push(reused);
    reused.fill(0);
  }
  masker.end();
  return Buffer.concat(out).toString("latin1");
}

function split(input: Buffer, at: number): Buffer[] {
  return [input.subarray(0, at), input.subarray(at)];
}

/** Few letters, so that patterns overlap, nest and repeat all the time. */
const letters = fc.constantFrom(97, 98, 99);
const bytes = (max: number, min = 0) =>
  fc.array(letters, { minLength: min, maxLength: max }).map((list) => Buffer.from(list));

describe("masking", () => {
  test.each([
    { from: 1, to: 6, input: bytes(40), pieces: 6 },
    { from: 3, to: 9, input: bytes(120), pieces: 30 },
    // Longer than the longest window.
    { from: 16, to: 24, input: bytes(200), pieces: 60 },
  ])(
    "equals the naive reference, however patterns of $from to $to bytes overlap and wherever the stream is cut",
    (size) => {
      fc.assert(
        fc.property(
          fc.array(bytes(size.to, size.from), { minLength: 1, maxLength: 5 }),
          size.input,
          fc.array(fc.nat(4), { maxLength: 8 }),
          fc.array(fc.nat(size.pieces), { maxLength: 60 }),
          (patterns, noise, planted, sizes) => {
            // Random letters hold few long patterns: some are planted, with what is left of the noise between.
            const parts = planted.map((at) => patterns[at % patterns.length] ?? noise);
            const input = Buffer.concat(
              parts.flatMap((part, at) => [noise.subarray(at, at * 3), part]).concat(noise),
            );
            const pieces: Buffer[] = [];
            let at = 0;
            for (const size of sizes) {
              pieces.push(input.subarray(at, at + size));
              at += size;
            }
            pieces.push(input.subarray(Math.min(at, input.length)));
            expect(maskedInPieces(patterns, pieces)).toBe(masked(patterns, input));
          },
        ),
        { numRuns: 2_000 },
      );
    },
  );

  test("finds a secret split at every position, in every form", () => {
    const secret = 'p@ss "wörd"/+\\ 7%';
    for (const form of secretForms(secret)) {
      const input = Buffer.concat([Buffer.from("before "), form, Buffer.from(" after")]);
      for (let at = 0; at <= input.length; at++) {
        const out = maskedInPieces(secretForms(secret), split(input, at));
        expect(out).toBe(masked(secretForms(secret), input));
        expect(out).toMatch(/^before \*\*\*.* after$/);
      }
    }
  });

  test("emits at once what can no longer become a secret", () => {
    const out: string[] = [];
    const masker = new Masker([Buffer.from("secret")], (bytes) => {
      out.push(Buffer.from(bytes).toString());
    });
    masker.push(Buffer.from("progress 10% sec"));
    expect(out.join("")).toBe("progress 10% ");
    masker.push(Buffer.from("ond"));
    expect(out.join("")).toBe("progress 10% second");
    masker.push(Buffer.from(" secret"));
    expect(out.join("")).toBe("progress 10% second ***");
    masker.push(Buffer.from(" se"));
    masker.end();
    expect(out.join("")).toBe("progress 10% second *** se");
  });

  test("memory and time stay small for a large secret", () => {
    const lines = Array.from({ length: 800 }, (_, line) => `line ${line * 7_919} of the key`);
    const started = performance.now();
    const forms = secretForms(lines.join("\n"));
    const masker = new Masker(forms, () => {});
    masker.push(Buffer.from("x".repeat(1_000_000)));
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe("the forms of a secret", () => {
  const secret = "s3cr3t: a/b+c ?=ü";
  const forms = secretForms(secret);

  test.each([
    ["raw", secret],
    ["URL", encodeURIComponent(secret)],
    ["URL, lower case", "s3cr3t%3a%20a%2fb%2bc%20%3f%3d%c3%bc"],
    ["form data", "s3cr3t%3A+a%2Fb%2Bc+%3F%3D%C3%BC"],
    ["JSON", JSON.stringify(secret).slice(1, -1)],
    ["JSON in ASCII", "s3cr3t: a/b+c ?=\\u00fc"],
    ["JSON in PHP", "s3cr3t: a\\/b+c ?=ü"],
    ["base64", Buffer.from(secret).toString("base64")],
    ["base64url", Buffer.from(secret).toString("base64url")],
  ])("%s", (_name, form) => {
    expect(maskedInPieces(forms, [Buffer.from(form)])).toBe("***");
  });

  test("base64 of a text around it, at all three alignments", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const encoded = Buffer.from(`${before}${secret}${after}`).toString("base64");
        const out = maskedInPieces(forms, [Buffer.from(encoded)]);
        expect(out).toContain("***");
        // At most the two characters at each border depend on the neighbours.
        const visible = out.length - 3;
        const own = Math.floor((Buffer.byteLength(secret) * 8) / 6) - 2;
        expect(encoded.length - visible).toBeGreaterThanOrEqual(own);
      }),
    );
  });

  test("a long secret in base64 that is broken into lines", () => {
    const key = Buffer.from(Array.from({ length: 200 }, (_, at) => (at * 37) % 251));
    const text = key.toString("hex");
    for (const width of [64, 76]) {
      const lines = Buffer.from(text)
        .toString("base64")
        .match(new RegExp(`.{1,${width}}`, "g"));
      for (const line of lines ?? []) {
        const out = maskedInPieces(secretForms(text), [Buffer.from(line)]);
        expect(out.length).toBeLessThan(16);
      }
    }
  });

  test("each line of a secret of several lines, but not its braces", () => {
    const forms = secretForms('{\n  "private_key": "abcdefgh"\n}\n');
    expect(maskedInPieces(forms, [Buffer.from('>  "private_key": "abcdefgh"\r\n}')])).toBe(
      ">  ***\r\n}",
    );
  });

  test("a trailing line end is no part of it", () => {
    expect(maskedInPieces(secretForms("hunter22\n"), [Buffer.from("a hunter22 b")])).toBe(
      "a *** b",
    );
  });

  test("what is too short is said to be", () => {
    expect(isMaskable("abc")).toBe(false);
    expect(isMaskable("abc\n")).toBe(false);
    expect(isMaskable("abcd")).toBe(true);
    expect(secretForms("abc")).toEqual([]);
    expect(secretForms("")).toEqual([]);
  });
});
