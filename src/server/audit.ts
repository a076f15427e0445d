/**
 * Writes the audit trail. Nobody waits for it, and nobody can flood it: the first entry of a kind, agent and
 * address is written at once, further ones within `auditRepeatMs` become one entry with their number.
 */
import { type Clock, type Logger, limits, type Timer } from "../actors/kernel/index.ts";
import type { System } from "../actors/system/index.ts";
import { type AuditEntry, AuditTrail } from "./audit-trail.ts";

export type AuditNote = Pick<AuditEntry, "kind" | "what"> &
  Partial<Pick<AuditEntry, "agentId" | "address">>;

export interface AuditOptions {
  readonly system: Pick<System, "actor">;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Subject {
  /** Until then further entries are only counted. */
  readonly quietUntilMs: number;
  waiting: AuditEntry | undefined;
}

export class Audit {
  readonly #options: AuditOptions;
  readonly #subjects = new Map<string, Subject>();
  #writes: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  record({ kind, what, agentId = "", address = "" }: AuditNote): void {
    const nowMs = this.#options.clock.monotonicMs();
    const named = `${kind} ${agentId} ${address}`;
    const crowded = !this.#subjects.has(named) && this.#subjects.size >= limits.auditSubjectsMax;
    const key = crowded ? kind : named;
    const entry: AuditEntry = {
      atMs: this.#options.clock.nowMs(),
      kind,
      agentId: crowded ? "" : agentId,
      address,
      what: what.slice(0, limits.auditTextCharactersMax),
      count: 1,
    };
    const subject = this.#subjects.get(key);
    if (subject !== undefined && nowMs < subject.quietUntilMs) {
      subject.waiting = { ...entry, count: (subject.waiting?.count ?? 0) + 1 };
    } else {
      const before = subject?.waiting;
      this.#subjects.set(key, { quietUntilMs: nowMs + limits.auditRepeatMs, waiting: undefined });
      this.#write(before === undefined ? [entry] : [before, entry]);
    }
    this.#timer ??= this.#options.clock.setTimer(limits.auditRepeatMs, () => this.#settle());
  }

  /** What waits is written, and all that was written is confirmed. */
  async flush(): Promise<void> {
    const waiting = [...this.#subjects.values()].flatMap(({ waiting: entry }) => entry ?? []);
    this.#subjects.clear();
    if (waiting.length > 0) this.#write(waiting);
    await this.#writes;
  }

  async read(): Promise<{
    readonly entries: readonly AuditEntry[];
    readonly totals: Readonly<Record<string, number>>;
  }> {
    await this.flush();
    return this.#entity().read();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    return this.flush();
  }

  #settle(): void {
    this.#timer = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    const due = [...this.#subjects].filter(([, { quietUntilMs }]) => quietUntilMs <= nowMs);
    for (const [key] of due) this.#subjects.delete(key);
    const entries = due.flatMap(([, { waiting }]) => waiting ?? []);
    if (entries.length > 0) this.#write(entries);
    if (this.#subjects.size === 0 || this.#closed) return;
    this.#timer = this.#options.clock.setTimer(limits.auditRepeatMs, () => this.#settle());
  }

  #write(entries: readonly AuditEntry[]): void {
    const { logger } = this.#options;
    this.#writes = this.#writes
      .then(() => this.#entity().record(entries))
      .then(undefined, (error: unknown) => {
        logger.error("the audit trail could not be written", { entries, error });
      });
  }

  #entity() {
    return this.#options.system.actor(AuditTrail, "identity");
  }
}
