/**
 * What a job prints, on its way from the pipe to the log: masked, with the agent's own remarks
 * between. Boundary: a stream of bytes in, a stream of bytes out; nothing is kept but what the mask holds back.
 */
import { Masker } from "./mask.ts";
import { isMaskable, secretForms } from "./secret-forms.ts";
import type { Secrets } from "./secrets.ts";

const newline = 10;

export class JobLog {
  readonly #masker: Masker | undefined;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #values: readonly string[];
  readonly #forms: readonly Buffer[];
  #atLineStart = true;

  constructor(secrets: Secrets, emit: (bytes: Uint8Array) => void) {
    this.#values = Object.values(secrets).filter((value) => value !== "");
    this.#forms = this.#values.flatMap(secretForms);
    this.#emit = (bytes) => {
      if (bytes.length > 0) this.#atLineStart = bytes[bytes.length - 1] === newline;
      emit(bytes);
    };
    this.#masker = this.#forms.length === 0 ? undefined : new Masker(this.#forms, this.#emit);
    for (const [name, value] of Object.entries(secrets)) {
      if (value !== "" && !isMaskable(value)) {
        this.remark(`the secret ${name} is too short to be masked in this log`);
      }
    }
  }

  /** Bytes of the job. What is emitted may point into them. */
  push(bytes: Uint8Array): void {
    if (this.#masker === undefined) this.#emit(bytes);
    else this.#masker.push(bytes);
  }

  /** The job has printed its last byte. */
  end(): void {
    this.#masker?.end();
  }

  /** A line of the agent's own. Not before `end` while the job still prints, or it may split a secret. */
  remark(text: string): void {
    this.#emit(Buffer.from(`${this.#atLineStart ? "" : "\n"}troupe: ${text}\n`));
  }

  /** Does this text hold a secret, in any form that is searched for? */
  holdsSecret(text: string): boolean {
    if (this.#values.includes(text)) return true;
    const bytes = Buffer.from(text, "utf8");
    return this.#forms.some((form) => bytes.includes(form));
  }
}
