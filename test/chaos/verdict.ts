/** Holds what the oracle knows against what the log says. Pure. */
import type { BankCommand } from "./commands.ts";
import type { Booked, LogAudit } from "./log-audit.ts";
import type { OracleRecord } from "./oracle-file.ts";

export interface Verdict {
  readonly acked: number;
  /** Acknowledged, and not in the log. */
  readonly lost: number;
  /** Counted more than once, acknowledged or not. */
  readonly doubled: number;
  readonly violations: readonly string[];
}

/** `states`: what the actors themselves say at the end, in cents by account. */
export function verdictOn(
  { sent, acked }: OracleRecord,
  audit: LogAudit,
  states: Readonly<Record<string, number>>,
): Verdict {
  const violations = [...audit.violations];
  let lost = 0;
  for (const key of acked) {
    const command = sent.get(key);
    if (command === undefined) violations.push(`${key} was acknowledged and never sent`);
    else if (!bookOf(command, audit).has(key)) lost++;
  }
  let doubled = 0;
  for (const book of [audit.added, audit.debited, audit.credited]) {
    for (const { times } of book.values()) doubled += times - 1;
  }
  for (const book of [audit.added, audit.debited]) {
    for (const [key, booked] of book) violations.push(...mismatch(key, booked, sent.get(key)));
  }
  violations.push(...transferProblems(audit), ...balanceProblems(audit, states));
  return { acked: acked.size, lost, doubled, violations };
}

function bookOf(command: BankCommand, audit: LogAudit): ReadonlyMap<string, Booked> {
  return command.kind === "add" ? audit.added : audit.debited;
}

function mismatch(key: string, booked: Booked, command: BankCommand | undefined): string[] {
  if (command === undefined) return [`${key} is in the log and was never sent`];
  const to = command.kind === "move" ? command.to : undefined;
  const isSame =
    booked.account === command.account && booked.cents === command.cents && booked.to === to;
  return isSame ? [] : [`${key} is in the log as something else than was sent`];
}

/** Money that left one account arrived at the right other one, whole. */
function transferProblems({ debited, credited }: LogAudit): string[] {
  const problems: string[] = [];
  for (const [key, { to, cents }] of debited) {
    const credit = credited.get(key);
    if (credit === undefined) problems.push(`the transfer ${key} never arrived`);
    else if (credit.account !== to || credit.cents !== cents) {
      problems.push(`the transfer ${key} arrived as something else`);
    }
  }
  for (const key of credited.keys()) {
    if (!debited.has(key)) problems.push(`the transfer ${key} arrived and never left`);
  }
  return problems;
}

function balanceProblems(audit: LogAudit, states: Readonly<Record<string, number>>): string[] {
  const problems: string[] = [];
  let putIn = 0;
  for (const { cents, times } of audit.added.values()) putIn += cents * times;
  let held = 0;
  for (const cents of audit.cents.values()) held += cents;
  if (putIn !== held) problems.push(`${putIn} cents were put in and ${held} are there`);
  const names = new Set([...audit.cents.keys(), ...Object.keys(states)]);
  for (const account of names) {
    const inLog = audit.cents.get(account) ?? 0;
    const inActor = states[account];
    if (inLog !== inActor) problems.push(`${account} says ${inActor}, its log says ${inLog}`);
  }
  return problems;
}
