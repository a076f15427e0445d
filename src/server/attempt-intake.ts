/**
 * What one attempt sends over a session: the bytes of its log and, at last, its result.
 *
 *  I1. Bytes are stored in the order of their offsets. One append is under way at a time; what
 *      arrives meanwhile makes up the next.
 *  I2. An acknowledged byte is stored; an acknowledged result is recorded by its run.
 *  I3. A result goes on only when its log is stored up to `log_bytes`. If bytes are missing, the
 *      stored end is acknowledged (again), which asks the agent to go on from there.
 *      The files that it names are the run's to judge.
 *  I4. A gap is answered with the stored end, once: what was under way behind it must not make the
 *      agent repeat itself for every chunk. If it is not closed in time, the session ends, since an
 *      agent sends again from its last acknowledgement on every new one.
 *  I5. Bytes that were acknowledged in an earlier session and are not there any more (a disk that lost
 *      them) will never come: the hole is filled with a mark, so that the attempt can end.
 *  I6. After `close` nothing is sent and nothing is reported; an append under way still ends.
 */
import type { JobResult, LogTime as LogAge } from "../../proto/troupe/agent/v1/agent.ts";
import {
  type Clock,
  isTroupeError,
  type Logger,
  limits,
  type Timer,
} from "../actors/kernel/index.ts";
import type { LogStore, LogTime } from "../actors/logs/index.ts";
import {
  type AgentLink,
  type AttemptKey,
  attemptId,
  type FinishAnswer,
} from "../actors/workers/index.ts";
import { resultOf } from "./agent-messages.ts";
import type { AgentMeter } from "./agent-meter.ts";
import type { SessionWriter } from "./session-writer.ts";

export interface IntakeServices {
  readonly logs: LogStore;
  readonly link: AgentLink;
  readonly writer: SessionWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: AgentMeter;
  /** The log cannot be stored: the session must end, the agent keeps what it has. */
  readonly failed: (error: unknown) => void;
  /** The result is recorded, or refused for good, and acknowledged. */
  readonly settled: (attempt: AttemptKey, answer: FinishAnswer) => void;
}

interface Chunk {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly times: readonly LogTime[];
}

/** What a waiting chunk costs beside its bytes, so that many tiny ones are bounded too. */
const chunkOverheadBytes = 256;
const reportAgainAfterMs = 500;
const reportAgainAfterMsMax = 15_000;

export class AttemptIntake {
  readonly attempt: AttemptKey;
  readonly #services: IntakeServices;
  #chunks: Chunk[] = [];
  #waitingBytes = 0;
  #result: JobResult | undefined;
  #gapToldAt = -1;
  /** As of the last append. */
  #storedEnd: number | undefined;
  #impatience: Timer | undefined;
  /** The agent came back with this attempt, and has not yet said where it goes on. */
  #resuming: boolean;
  /** Its log was closed without it: the attempt is over, what it still says counts for nothing. */
  #sealed = false;
  #working = false;
  #closed = false;
  #room: { readonly wait: Promise<void>; readonly free: () => void } | undefined;
  #wake: (() => void) | undefined;

  /** `resumed`: the agent held it before this session. */
  constructor(attempt: AttemptKey, resumed: boolean, services: IntakeServices) {
    this.attempt = attempt;
    this.#resuming = resumed;
    this.#services = services;
  }

  /** Tells the agent how much of this log is stored: it goes on from there after a new connection. */
  async tellEnd(): Promise<void> {
    const end = await this.#services.logs.end(this.attempt);
    if (!this.#closed) this.#services.writer.acknowledgeLog(this.attempt, end);
  }

  /** `ages`: how long ago its bytes came, as the agent knows it. */
  chunk(offset: number, data: Uint8Array, ages: readonly LogAge[]): void {
    if (this.#closed) return;
    const nowMs = this.#services.clock.nowMs();
    this.#chunks.push({
      offset,
      data,
      times: timesOf(ages, { offset, end: offset + data.length, nowMs }),
    });
    this.#waitingBytes += data.byteLength + chunkOverheadBytes;
    this.#work();
  }

  /** A repeated result changes nothing. */
  result(result: JobResult): void {
    if (this.#result !== undefined) this.#services.meter.resultResent();
    this.#result ??= result;
    this.#work();
  }

  /** Resolves when fewer bytes wait than one window; undefined when that is so already. */
  room(): Promise<void> | undefined {
    if (this.#waitingBytes <= limits.logWindowBytes || this.#closed) return undefined;
    if (this.#room === undefined) {
      let free = (): void => {};
      const wait = new Promise<void>((resolve) => (free = resolve));
      this.#room = { wait, free };
    }
    return this.#room.wait;
  }

  close(): void {
    this.#closed = true;
    this.#chunks = [];
    this.#waitingBytes = 0;
    this.#freeRoom();
    this.#impatience?.cancel();
    this.#wake?.();
  }

  #work(): void {
    if (this.#working || this.#closed) return;
    this.#working = true;
    this.#drain()
      .catch((error: unknown) => {
        if (!this.#closed) this.#services.failed(error);
      })
      .finally(() => {
        this.#working = false;
        if (this.#chunks.length > 0) this.#work();
      });
  }

  async #drain(): Promise<void> {
    while (!this.#closed) {
      if (this.#chunks.length > 0) await this.#store(this.#takeContiguous());
      else if (this.#result !== undefined && (await this.#logIsComplete(this.#result))) {
        return this.#report(this.#result);
      } else if (this.#chunks.length === 0) return;
    }
  }

  /** The first chunk and all that directly follow it, as one. */
  #takeContiguous(): Chunk {
    const [first, ...rest] = this.#chunks as [Chunk, ...Chunk[]];
    const taken = [first.data];
    const times = [...first.times];
    let end = first.offset + first.data.byteLength;
    for (const next of rest) {
      if (next.offset !== end) break;
      taken.push(next.data);
      times.push(...next.times);
      end += next.data.byteLength;
    }
    this.#chunks = this.#chunks.slice(taken.length);
    const data = taken.length === 1 ? first.data : Buffer.concat(taken);
    return { offset: first.offset, data, times };
  }

  async #store({ offset, data, times }: Chunk): Promise<void> {
    const { logs, meter } = this.#services;
    try {
      if (this.#resuming) await this.#fill(offset);
      const before = this.#storedEnd ?? (await logs.end(this.attempt));
      const end = await logs.append(this.attempt, offset, data, times);
      if (end > before) meter.logStored(data.subarray(Math.max(0, before - offset)));
      this.#storedEnd = end;
      this.#advanced(end);
    } catch (error) {
      if (isTroupeError(error, "TROUPE_LOG_SEALED")) this.#sealed = true;
      else if (isTroupeError(error, "TROUPE_LOG_GAP")) await this.#tellGap();
      else throw error;
    } finally {
      this.#waitingBytes = this.#chunks.reduce(
        (sum, chunk) => sum + chunk.data.byteLength + chunkOverheadBytes,
        0,
      );
      if (this.#waitingBytes <= limits.logWindowBytes) this.#freeRoom();
    }
  }

  #advanced(end: number): void {
    this.#impatience?.cancel();
    this.#impatience = undefined;
    if (!this.#closed) this.#services.writer.acknowledgeLog(this.attempt, end);
  }

  async #tellGap(): Promise<void> {
    const { logs, writer, clock, failed } = this.#services;
    const end = await logs.end(this.attempt);
    if (this.#closed || this.#gapToldAt === end) return;
    this.#gapToldAt = end;
    writer.acknowledgeLog(this.attempt, end);
    this.#impatience ??= clock.setTimer(limits.logGapTimeoutMs, () =>
      failed(new Error(`the log of ${attemptId(this.attempt)} did not go on at byte ${end}`)),
    );
  }

  /** Up to where the agent goes on; nothing to do unless bytes were lost that it was told are stored. */
  async #fill(offset: number): Promise<void> {
    const { logs } = this.#services;
    const hole = await this.#holeBefore(offset);
    if (hole === 0) return;
    if (hole > limits.logHoleBytesMax) throw new Error(`${hole} bytes of the log were lost`);
    const mark = markOfLost(hole);
    for (let at = offset - hole; at < offset; at += limits.logChunkBytesMax) {
      const piece = Buffer.alloc(Math.min(limits.logChunkBytesMax, offset - at), " ");
      if (at === offset - hole) piece.write(mark);
      await logs.append(this.attempt, at, piece);
    }
  }

  /** Asked once per session: where an agent begins says what it has, and later it must be in order. */
  async #holeBefore(offset: number): Promise<number> {
    const { logs, logger } = this.#services;
    this.#resuming = false;
    const hole = Math.max(0, offset - (await logs.end(this.attempt)));
    if (hole > 0) logger.error("stored log bytes are gone", { attempt: this.attempt, bytes: hole });
    return hole;
  }

  async #logIsComplete(result: JobResult): Promise<boolean> {
    const { logs } = this.#services;
    const hole = this.#resuming ? await this.#holeBefore(result.logBytes) : 0;
    const end = await logs.end(this.attempt);
    if (hole > 0) {
      // The result follows the last chunk: an agent that resumes with it has none to send.
      await logs.append(this.attempt, end, Buffer.from(markOfLost(hole)));
      return true;
    }
    if (end >= result.logBytes || this.#sealed) return true;
    if (this.#chunks.length === 0) await this.#tellGap();
    return false;
  }

  /** Tries until the run has answered: a result that is not acknowledged is only sent again on a new stream. */
  async #report(result: JobResult): Promise<void> {
    const { link, logs, meter, writer, logger, settled } = this.#services;
    let againAfterMs = reportAgainAfterMs;
    while (!this.#closed) {
      try {
        const ended = resultOf(result);
        const answer = await link.finished(this.attempt, ended);
        if (answer.recorded) meter.ended(ended);
        // An empty log stays without a file; its readers learn from the run that the attempt is over.
        if (result.logBytes > 0) await logs.seal(this.attempt);
        if (this.#closed) return;
        const attempt = { ...this.attempt };
        writer.write({ $case: "resultAck", value: { attempt, ...answer } });
        settled(this.attempt, answer);
        return this.close();
      } catch (error) {
        if (this.#closed) return;
        logger.warn("a result could not be recorded yet", { attempt: this.attempt, error });
        await this.#pause(againAfterMs);
        againAfterMs = Math.min(againAfterMs * 2, reportAgainAfterMsMax);
      }
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#services.clock.setTimer(delayMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #freeRoom(): void {
    this.#room?.free();
    this.#room = undefined;
  }
}

/** What an agent says of another chunk's bytes, or of a time before 1970, counts for nothing. */
function timesOf(
  ages: readonly LogAge[],
  { offset, end, nowMs }: { readonly offset: number; readonly end: number; readonly nowMs: number },
): LogTime[] {
  const times = ages
    .filter((age) => age.offset < end && age.ageMs <= nowMs)
    .map((age) => ({ offset: Math.max(offset, age.offset), atMs: nowMs - age.ageMs }));
  return times.length > 0 ? times : [{ offset, atMs: nowMs }];
}

function markOfLost(bytes: number): string {
  return `\n[troupe: ${bytes} bytes of this log were lost]\n`;
}
