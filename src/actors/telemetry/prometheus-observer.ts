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

/** Living actors of one kind. */
interface Census {
  actors: number;
  waiting: number;
  longest: number;
}

/** Goes through all actors once for each scrape, however many gauges ask. */
function censusOf(kernel: Kernel): () => ReadonlyMap<string, Census> {
  let taken: Map<string, Census> | undefined;
  return () => {
    if (taken !== undefined) return taken;
    const kinds = new Map<string, Census>();
    for (const { kind, mailboxMessages } of kernel.actors()) {
      const of = kinds.get(kind) ?? { actors: 0, waiting: 0, longest: 0 };
      of.actors++;
      of.waiting += mailboxMessages;
      of.longest = Math.max(of.longest, mailboxMessages);
      kinds.set(kind, of);
    }
    taken = kinds;
    queueMicrotask(() => {
      taken = undefined;
    });
    return kinds;
  };
}

function gaugeActors(kernel: Kernel, registry: Registry, prefix: string): void {
  const census = censusOf(kernel);
  const gauge = (name: string, help: string, read: (of: Census) => number): void => {
    const made: Gauge<"kind"> = new Gauge({
      name: prefix + name,
      help,
      labelNames: ["kind"],
      registers: [registry],
      collect: () => {
        made.reset();
        for (const [kind, of] of census()) made.set({ kind }, read(of));
      },
    });
  };
  gauge("actors", "Living actors", (of) => of.actors);
  gauge("mailbox_messages", "Messages that wait", (of) => of.waiting);
  gauge("mailbox_messages_longest", "Messages in the longest mailbox", (of) => of.longest);
}
