/**
 * A private key as it may lie on a disk: encrypted by AES-256-GCM under a key that scrypt makes from
 * the operator's secret. Nothing here knows where the secret or the result is kept.
 */
import { createCipheriv, createDecipheriv, type ScryptOptions, scrypt } from "node:crypto";
import type { Random } from "../../actors/kernel/index.ts";

export interface SealedKey {
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  /** The encrypted key and the authentication tag behind it. */
  readonly box: Uint8Array;
}

/** 32 MiB and some tens of ms per try: a passphrase cannot be searched for cheaply. */
const cost: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const tagBytes = 16;

/** `label` is bound to the result: a sealed key cannot be passed off as another one. */
export async function sealKey(
  key: Uint8Array,
  { secret, label, random }: { secret: string; label: string; random: Random },
): Promise<SealedKey> {
  const [salt, nonce] = [random.bytes(16), random.bytes(12)];
  const cipher = createCipheriv("aes-256-gcm", await stretched(secret, salt), nonce);
  cipher.setAAD(Buffer.from(label));
  const body = Buffer.concat([cipher.update(key), cipher.final()]);
  return { salt, nonce, box: Buffer.concat([body, cipher.getAuthTag()]) };
}

/** undefined: not this secret, or not what was sealed. */
export async function openKey(
  { salt, nonce, box }: SealedKey,
  { secret, label }: { secret: string; label: string },
): Promise<Uint8Array | undefined> {
  const decipher = createDecipheriv("aes-256-gcm", await stretched(secret, salt), nonce);
  decipher.setAAD(Buffer.from(label));
  decipher.setAuthTag(box.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(box.subarray(0, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}

function stretched(secret: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, 32, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
