import { Counter, Gauge, type Registry } from "prom-client";
import type { Kernel, Observer } from "../kernel/index.ts";

export interface PrometheusObserverOptions {
  readonly registry: Registry;
  /** Put before every name. Default `troupe_`. */
  readonly prefix?: string;
}

/** The kernel's figures as Prometheus metrics. Labels are kinds of actors, never paths: few series. */
export interface PrometheusObserver extends Observer {
  /** Adds what is read at each scrape: living actors and their mailboxes. */
  watch(kernel: Kernel): void;
}

function countersOf({ registry, prefix = "troupe_" }: PrometheusObserverOptions) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: prefix + name, help, labelNames: [...labelNames], registers: [registry] });
  const byKind = ["kind"] as const;
  return {
    started: counter("actors_started_total", "Lives begun, restarts included", byKind),
    stopped: counter("actors_stopped_total", "Actors that ended", byKind),
    failed: counter("actor_failures_total", "Errors thrown by handlers and starts", byKind),
    restarted: counter("actor_restarts_total", "Restarts by supervision", byKind),
    messages: counter("actor_messages_total", "Messages handled", byKind),
    seconds: counter("actor_handler_seconds_total", "Time in handlers, without waiting", byKind),
    blocked: counter("actor_blocked_total", "Handlers that blocked the event loop", byKind),
    stuck: counter("actor_stuck_total", "Handlers that did not end in time", byKind),
    revoked: counter("actor_revoked_uses_total", "Uses of contexts whose life had ended", byKind),
    dead: counter("dead_letters_total", "Messages that reached nobody", ["reason"] as const),
  };
}

/** Makes an observer that feeds a prom-client registry. Give it to `createKernel` and `watch` the kernel. */
export function prometheusObserver(options: PrometheusObserverOptions): PrometheusObserver {
  const { registry, prefix = "troupe_" } = options;
  const counters = countersOf(options);
  return {
    actorStarted: ({ kind }) => counters.started.inc({ kind }),
    actorStopped: ({ kind }) => counters.stopped.inc({ kind }),
    actorFailed: ({ kind }) => counters.failed.inc({ kind }),
    actorRestarted: ({ kind }) => counters.restarted.inc({ kind }),
    messagesHandled: ({ kind }, messages, tookMs) => {
      counters.messages.inc({ kind }, messages);
      counters.seconds.inc({ kind }, tookMs / 1_000);
    },
    deadLetter: (_to, reason) => counters.dead.inc({ reason }),
    handlerBlocked: ({ kind }) => counters.blocked.inc({ kind }),
    handlerStuck: ({ kind }) => counters.stuck.inc({ kind }),
    revokedUse: ({ kind }) => counters.revoked.inc({ kind }),
    watch: (kernel) => gaugeActors(kernel, registry, prefix),
  };
}

function gaugeActors(kernel: Kernel, registry: Registry, prefix: string): void {
  const gauge = (name: string, help: string, read: (set: Gauge<"kind">) => void): void => {
    const made: Gauge<"kind"> = new Gauge({
      name: prefix + name,
      help,
      labelNames: ["kind"],
      registers: [registry],
      collect: () => {
        made.reset();
        read(made);
      },
    });
  };
  gauge("actors", "Living actors", (set) => {
    for (const { kind } of kernel.actors()) set.inc({ kind });
  });
  gauge("mailbox_messages", "Messages that wait", (set) => {
    for (const { kind, mailboxMessages } of kernel.actors()) set.inc({ kind }, mailboxMessages);
  });
  gauge("mailbox_messages_longest", "Messages in the longest mailbox", (set) => {
    const longest = new Map<string, number>();
    for (const { kind, mailboxMessages } of kernel.actors()) {
      longest.set(kind, Math.max(longest.get(kind) ?? 0, mailboxMessages));
    }
    for (const [kind, messages] of longest) set.set({ kind }, messages);
  });
}
