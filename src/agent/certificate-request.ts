/**
 * A new key, and the request for a certificate over it (PKCS#10). Written out here, as a whole library for
 * X.509 would double the size of the agent: of a request only the key and the proof of having it count.
 */
import { generateKeyPairSync, sign } from "node:crypto";

export interface KeyDraft {
  /** Never leaves this machine. */
  readonly privateKeyPem: string;
  readonly csrPem: string;
}

const tags = { integer: 0x02, bits: 0x03, oid: 0x06, sequence: 0x30, attributes: 0xa0 } as const;

/** ecdsa-with-SHA256 (1.2.840.10045.4.3.2). */
const signatureAlgorithm = Buffer.from("2a8648ce3d040302", "hex");

export function newKeyDraft(): KeyDraft {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = element(
    tags.sequence,
    element(tags.integer, Buffer.of(0)),
    element(tags.sequence),
    publicKey.export({ type: "spki", format: "der" }),
    element(tags.attributes),
  );
  const signature = sign("sha256", info, privateKey);
  const request = element(
    tags.sequence,
    info,
    element(tags.sequence, element(tags.oid, signatureAlgorithm)),
    // The first byte says how many bits of the last one are unused.
    element(tags.bits, Buffer.of(0), signature),
  );
  return {
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    csrPem: pem("CERTIFICATE REQUEST", request),
  };
}

/** DER: tag, length, content. */
function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOf(body), body]);
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.of(length);
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
