/**
 * The agents' side of a server as Prometheus metrics. Every label has few values, all of them known here or bounded
 * here: what an agent says of itself never becomes a series of its own.
 */
import { constants } from "node:os";
import { Counter, Gauge, type Registry } from "prom-client";
import type { AttemptResult } from "../actors/workers/index.ts";
import type { AgentMeter } from "./agent-meter.ts";

const newline = 10;

/** Codes of `Refused`, and of what an identity is refused for; others count as `other`. */
const helloReasons = [
  "hello-expected",
  "protocol-version",
  "hello-invalid",
  "late",
  "refused",
  "displaced",
  "denied",
] as const;
const identityReasons = {
  TROUPE_AGENT_REFUSED: "unknown",
  TROUPE_AGENT_DENIED: "denied",
  TROUPE_CERTIFICATE_EXPIRED: "expired",
  TROUPE_REQUEST_INVALID: "invalid",
} as const;

function countersOf(registry: Registry) {
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `troupe_${name}`, help, labelNames, registers: [registry] });
  return {
    sessions: counter("agent_sessions_total", "Streams welcomed; resumed: after a cut", "kind"),
    hellos: counter("agent_hellos_refused_total", "Streams refused after their identity", "reason"),
    identities: counter("agent_identities_refused_total", "Callers not let in", "reason"),
    enrolments: counter("agent_enrolments_total", "One-time tokens that were tried", "answer"),
    renewals: counter("agent_certificates_renewed_total", "Certificates renewed"),
    forged: counter(
      "agent_forged_messages_total",
      "Messages about attempts that are not the agent's own",
      "message",
    ),
    leases: counter("agent_leases_lost_total", "Agents silent until their lease was over"),
    assignments: counter("agent_assignments_total", "Attempts given to agents"),
    bytes: counter("agent_log_bytes_total", "Bytes of logs stored"),
    lines: counter("agent_log_lines_total", "Line ends in the bytes of logs stored"),
    resent: counter("agent_results_resent_total", "Results that agents said more than once"),
    ended: counter("job_attempts_ended_total", "Attempts by how they ended", "outcome", "cause"),
  };
}

export interface AgentGauges {
  /** Agents with an open stream. */
  readonly connected: () => number;
  /** Log bytes that they keep because they were not acknowledged. */
  readonly logBytesKept: () => number;
}

/** Adds the metrics to the registry. `gauges` is asked at each scrape. */
export function agentMetrics(registry: Registry, gauges: AgentGauges): AgentMeter {
  const counters = countersOf(registry);
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({
      name: `troupe_${name}`,
      help,
      registers: [registry],
      collect: () => made.set(read()),
    });
  };
  gauge("agents_connected", "Agents with an open stream", gauges.connected);
  gauge(
    "agent_log_unacknowledged_bytes",
    "Log bytes that connected agents keep, in memory and files, until they are stored here",
    gauges.logBytesKept,
  );
  return {
    connected: (resumed) => counters.sessions.inc({ kind: resumed ? "resumed" : "new" }),
    helloRefused: (reason) =>
      counters.hellos.inc({ reason: helloReasons.find((known) => known === reason) ?? "other" }),
    identityRefused: (code) =>
      counters.identities.inc({
        reason: identityReasons[code as keyof typeof identityReasons] ?? "other",
      }),
    enrolment: (answer) => counters.enrolments.inc({ answer }),
    certificateRenewed: () => counters.renewals.inc(),
    forged: (message) => counters.forged.inc({ message }),
    leaseLost: () => counters.leases.inc(),
    assigned: () => counters.assignments.inc(),
    logStored: (data) => {
      counters.bytes.inc(data.byteLength);
      counters.lines.inc(linesIn(data));
    },
    resultResent: () => counters.resent.inc(),
    ended: (result) => counters.ended.inc({ outcome: result.outcome, cause: causeOf(result) }),
  };
}

/** Why an attempt ended as it did, in one of a few words. */
export function causeOf({ outcome, exitCode = 0, signal = "", reason }: AttemptResult): string {
  if (outcome !== "failed") return "none";
  if (/^killed: .* memory limit$/.test(reason)) return "memory-limit";
  if (reason.includes("refused a process beyond its limit")) return "process-limit";
  if (signal !== "") return Object.hasOwn(constants.signals, signal) ? signal : "signal";
  return exitCode === 0 ? "leavings" : "exit-code";
}

function linesIn(data: Uint8Array): number {
  let lines = 0;
  for (let at = data.indexOf(newline); at >= 0; at = data.indexOf(newline, at + 1)) lines++;
  return lines;
}
