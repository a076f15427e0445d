/** Counts and hashes what is put, and says whether it is what was promised. */
import { createHash, type Hash } from "node:crypto";
import { limits, TroupeError } from "../kernel/index.ts";
import { contentKey } from "./blob-key.ts";
import type { ContentBlob, PutOptions } from "./blob-store.ts";

export class ContentCheck {
  readonly #hash: Hash = createHash("sha256");
  readonly #expected: string | undefined;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor({ sha256, bytesMax }: PutOptions) {
    this.#expected = sha256;
    this.#bytesMax = Math.min(bytesMax ?? limits.blobBytesMax, limits.blobBytesMax);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws `TROUPE_BLOB_TOO_LARGE` before the byte that would be too many is stored. */
  add(data: Uint8Array): void {
    this.#bytes += data.byteLength;
    if (this.#bytes > this.#bytesMax) {
      throw new TroupeError("TROUPE_BLOB_TOO_LARGE", { bytesMax: this.#bytesMax });
    }
    this.#hash.update(data);
  }

  /** Throws `TROUPE_BLOB_MISMATCH`. */
  finish(): ContentBlob {
    const sha256 = this.#hash.digest("hex");
    if (this.#expected !== undefined && this.#expected !== sha256) {
      const details = { expected: this.#expected, got: sha256, bytes: this.#bytes };
      throw new TroupeError("TROUPE_BLOB_MISMATCH", details);
    }
    return { key: contentKey(sha256), sha256, bytes: this.#bytes };
  }
}
