/**
 * What a secret looks like when a program prints it: as it is, and in the encodings that tools
 * apply before they print. Every form is searched for; all are replaced by the same mask.
 */
import { agentLimits } from "./limits.ts";

/** `base64` (GNU) and `openssl base64` break their output into lines of these lengths. */
const base64LineChars = [76, 64];

/** The last line of a broken base64 text may be as short as `A===`; below this it is not searched for on its own. */
const base64LineCharsMin = 16;

/** Lines of a secret shorter than this are not searched for on their own: `}` or `-----` are no secrets. */
const lineBytesMin = 8;

/**
 * All byte strings to mask for one value, without doubles. Empty for a value that is too short
 * (`maskedBytesMin`). A trailing line end is no part of the secret: shells strip it, editors add it.
 */
export function secretForms(value: string): Buffer[] {
  const text = secretText(value);
  const forms = new Set<string>();
  for (const form of [text, ...linesOf(text)]) {
    for (const encoded of encodings(form)) forms.add(encoded);
  }
  return [...forms]
    .map((form) => Buffer.from(form, "utf8"))
    .filter((form) => form.length >= agentLimits.maskedBytesMin);
}

/** Is this value searched for at all? */
export function isMaskable(value: string): boolean {
  return Buffer.byteLength(secretText(value)) >= agentLimits.maskedBytesMin;
}

/** Without the trailing line end, and well-formed: half a surrogate pair has no encoding. */
function secretText(value: string): string {
  return Buffer.from(value.replace(/[\r\n]+$/, ""), "utf8").toString("utf8");
}

/** A multi-line secret is often printed line by line, indented or with other line ends. */
function linesOf(text: string): string[] {
  if (!text.includes("\n")) return [];
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => Buffer.byteLength(line) >= lineBytesMin);
}

function* encodings(text: string): Generator<string> {
  if (Buffer.byteLength(text) < agentLimits.maskedBytesMin) return;
  yield text;
  yield* urlForms(text);
  yield* jsonForms(text);
  yield* base64Forms(text);
}

function* urlForms(text: string): Generator<string> {
  const encoded = encodeURIComponent(text);
  const lowerCase = encoded.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
  // encodeURIComponent leaves !'()* alone, other encoders do not.
  const strict = encoded.replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  yield* [encoded, lowerCase, strict, strict.replaceAll("%20", "+")];
}

function* jsonForms(text: string): Generator<string> {
  const escaped = JSON.stringify(text).slice(1, -1);
  yield escaped;
  yield escaped.replaceAll("/", "\\/");
  // As Python and PHP print it: nothing but ASCII.
  yield escaped.replaceAll(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * A secret inside a longer text that is base64-encoded as a whole appears at one of three
 * alignments. At each, the characters that the secret alone decides are the pattern; the up to two at
 * its borders depend on the neighbours and stay visible (at most 4 bits of the secret at each end).
 */
function* base64Forms(text: string): Generator<string> {
  const bytes = Buffer.from(text, "utf8");
  for (const alignment of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(alignment), bytes]).toString("base64url");
    const from = Math.ceil((alignment * 8) / 6);
    const to = Math.floor(((alignment + bytes.length) * 8) / 6);
    const core = encoded.slice(from, to);
    if (core.length < agentLimits.maskedBytesMin) continue;
    yield core;
    yield toStandardAlphabet(core);
  }
  const whole = bytes.toString("base64");
  yield whole;
  for (const lineChars of base64LineChars) {
    for (let at = 0; at < whole.length && whole.length > lineChars; at += lineChars) {
      const line = whole.slice(at, at + lineChars);
      if (line.length >= base64LineCharsMin) yield line;
    }
  }
}

function toStandardAlphabet(base64Url: string): string {
  return base64Url.replaceAll("-", "+").replaceAll("_", "/");
}
