/**
 * What a job prints, on its way from the pipe to the log: masked, with the agent's own remarks
 * between. Boundary: a stream of bytes in, a stream of bytes out; nothing is kept but what the mask holds back.
 *
 *   J1. A log has a bound. At it a mark says so, the job goes on, and what it prints from there on is counted
 *       and dropped; the agent's own remarks still come.
 */
import { agentLimits } from "./limits.ts";
import { Masker } from "./mask.ts";
import { isMaskable, secretForms } from "./secret-forms.ts";
import type { Secrets } from "./secrets.ts";

const newline = 10;

export class JobLog {
  readonly #masker: Masker | undefined;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #values: readonly string[];
  readonly #forms: readonly Buffer[];
  readonly #bytesMax: number;
  #atLineStart = true;
  #hear: ((bytes: Uint8Array) => void) | undefined;
  #printedBytes = 0;

  constructor(
    secrets: Secrets,
    emit: (bytes: Uint8Array) => void,
    bytesMax: number = agentLimits.logBytesMax,
  ) {
    this.#bytesMax = Math.min(bytesMax, agentLimits.logBytesMax);
    this.#values = Object.values(secrets).filter((value) => value !== "");
    this.#forms = this.#values.flatMap(secretForms);
    this.#emit = (bytes) => {
      if (bytes.length > 0) this.#atLineStart = bytes[bytes.length - 1] === newline;
      this.#hear?.(bytes);
      emit(bytes);
    };
    const printed = (bytes: Uint8Array): void => this.#printed(bytes);
    this.#masker = this.#forms.length === 0 ? undefined : new Masker(this.#forms, printed);
    for (const [name, value] of Object.entries(secrets)) {
      if (value !== "" && !isMaskable(value)) {
        this.remark(`the secret ${name} is too short to be masked in this log`);
      }
    }
  }

  /** Bytes of the job. What is emitted may point into them. */
  push(bytes: Uint8Array): void {
    if (this.#masker === undefined) this.#printed(bytes);
    else this.#masker.push(bytes);
  }

  /** From now on `hear` is told what is emitted, too; undefined = nobody is. */
  setListener(hear: ((bytes: Uint8Array) => void) | undefined): void {
    this.#hear = hear;
  }

  /** All that could print has ended; others will print later. */
  flush(): void {
    this.#masker?.end();
  }

  /** The job has printed its last byte. */
  end(): void {
    this.flush();
    const dropped = this.#printedBytes - this.#bytesMax;
    if (dropped > 0) this.remark(`${dropped} more bytes were printed and are not in this log`);
  }

  /** A line of the agent's own. Not before `end` while the job still prints, or it may split a secret. */
  remark(text: string): void {
    this.#emit(Buffer.from(`${this.#atLineStart ? "" : "\n"}troupe: ${text}\n`));
  }

  /** J1. */
  #printed(bytes: Uint8Array): void {
    const room = this.#bytesMax - this.#printedBytes;
    this.#printedBytes += bytes.length;
    if (bytes.length <= room) return this.#emit(bytes);
    if (room < 0) return;
    if (room > 0) this.#emit(bytes.subarray(0, room));
    this.remark(`this log is cut here: it has reached its limit of ${this.#bytesMax} bytes`);
  }

  /** Does this text hold a secret, in any form that is searched for? */
  holdsSecret(text: string): boolean {
    if (this.#values.includes(text)) return true;
    const bytes = Buffer.from(text, "utf8");
    return this.#forms.some((form) => bytes.includes(form));
  }
}
