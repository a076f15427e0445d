/** What the oracle asks of the bank, as it goes over the line and into the oracle's file. */
import type { Seeded } from "./seeded.ts";

export const accounts = 40;

export type BankCommand =
  | { readonly key: string; readonly kind: "add"; readonly account: string; readonly cents: number }
  | {
      readonly key: string;
      readonly kind: "move";
      readonly account: string;
      readonly to: string;
      readonly cents: number;
    };

export function accountName(number: number): string {
  return `a${number}`;
}

/** Two in three put money in; the others move it from one account to another. */
export function nextCommand(key: string, random: Seeded): BankCommand {
  const from = random.below(accounts);
  const account = accountName(from);
  const cents = 1 + random.below(100);
  if (random.below(3) > 0) return { key, kind: "add", account, cents };
  const to = accountName((from + 1 + random.below(accounts - 1)) % accounts);
  return { key, kind: "move", account, to, cents };
}

export function commandLine(command: BankCommand): string {
  const { key, kind, account, cents } = command;
  return `${key} ${kind} ${account} ${cents}${kind === "move" ? ` ${command.to}` : ""}`;
}

export function parseCommand(line: string): BankCommand {
  const [key = "", kind, account = "", cents, to = ""] = line.split(" ");
  if (kind === "add") return { key, kind, account, cents: Number(cents) };
  if (kind === "move") return { key, kind, account, cents: Number(cents), to };
  throw new Error(`not a command: ${line}`);
}
