/**
 * The oracle's memory: a file of its own, synced, that nothing under test ever touches.
 * `S <command>` stands in it before the command goes out for the first time, `D <key>` once its
 * acknowledgement has come.
 */
import { createReadStream, fdatasync, openSync, write } from "node:fs";
import { createInterface } from "node:readline";
import { type BankCommand, commandLine, parseCommand } from "./commands.ts";

export class OracleFile {
  readonly #descriptor: number;
  #waiting: string[] = [];
  #whenSynced: (() => void)[] = [];
  #isWriting = false;

  constructor(path: string) {
    this.#descriptor = openSync(path, "ax");
  }

  sent(command: BankCommand, whenSynced: () => void): void {
    this.#add(`S ${commandLine(command)}\n`, whenSynced);
  }

  done(key: string, whenSynced: () => void): void {
    this.#add(`D ${key}\n`, whenSynced);
  }

  #add(line: string, whenSynced: () => void): void {
    this.#waiting.push(line);
    this.#whenSynced.push(whenSynced);
    if (!this.#isWriting) this.#write();
  }

  /** What comes while a write is under way goes out with the next one. */
  #write(): void {
    this.#isWriting = true;
    const bytes = Buffer.from(this.#waiting.join(""));
    const whenSynced = this.#whenSynced;
    this.#waiting = [];
    this.#whenSynced = [];
    write(this.#descriptor, bytes, 0, bytes.length, null, (writeError, written) => {
      if (writeError !== null || written !== bytes.length)
        throw writeError ?? new Error("a short write");
      fdatasync(this.#descriptor, (syncError) => {
        if (syncError !== null) throw syncError;
        this.#isWriting = false;
        for (const synced of whenSynced) synced();
        if (this.#waiting.length > 0) this.#write();
      });
    });
  }
}

export interface OracleRecord {
  /** By key. */
  readonly sent: ReadonlyMap<string, BankCommand>;
  readonly acked: ReadonlySet<string>;
}

export async function readOracleFile(path: string): Promise<OracleRecord> {
  const sent = new Map<string, BankCommand>();
  const acked = new Set<string>();
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const rest = line.slice(2);
    if (line.startsWith("D ")) acked.add(rest);
    else {
      const command = parseCommand(rest);
      sent.set(command.key, command);
    }
  }
  return { sent, acked };
}
