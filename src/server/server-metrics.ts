/** What a server counts when it is given a registry. Loaded only then: a run at a terminal needs no metrics library. */
import type { Registry } from "prom-client";
import type { Observer } from "../actors/kernel/index.ts";
import { prometheusObserver } from "../actors/telemetry/index.ts";
import type { AgentMeter } from "./agent-meter.ts";
import { type AgentGauges, agentMetrics } from "./agent-metrics.ts";

export interface ServerMetrics {
  readonly meter: AgentMeter;
  /** Of the kernel. */
  readonly observer: Observer;
}

export function serverMetrics(registry: Registry, gauges: AgentGauges): ServerMetrics {
  return { meter: agentMetrics(registry, gauges), observer: prometheusObserver({ registry }) };
}
