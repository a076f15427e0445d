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

/** A counter that is added to as the kernel runs, and reaches prom-client when it is scraped. */
interface Tally {
  add(label: string, by?: number): void;
}

/** prom-client takes its time over labels: too much for every turn of an actor. */
function tally(
  { registry, prefix = "troupe_" }: PrometheusObserverOptions,
  { name, help, label }: { readonly name: string; readonly help: string; readonly label: string },
): Tally {
  const since = new Map<string, number>();
  const counter = new Counter({
    name: prefix + name,
    help,
    labelNames: [label],
    registers: [registry],
    collect: () => {
      for (const [value, count] of since) counter.inc({ [label]: value }, count);
      since.clear();
    },
  });
  return { add: (value, by = 1) => void since.set(value, (since.get(value) ?? 0) + by) };
}

function talliesOf(options: PrometheusObserverOptions) {
  const byKind = (name: string, help: string) => tally(options, { name, help, label: "kind" });
  return {
    started: byKind("actors_started_total", "Lives begun, restarts included"),
    stopped: byKind("actors_stopped_total", "Actors that ended"),
    failed: byKind("actor_failures_total", "Errors thrown by handlers and starts"),
    restarted: byKind("actor_restarts_total", "Restarts by supervision"),
    messages: byKind("actor_messages_total", "Messages handled"),
    seconds: byKind("actor_handler_seconds_total", "Time in handlers, without waiting"),
    blocked: byKind("actor_blocked_total", "Handlers that blocked the event loop"),
    stuck: byKind("actor_stuck_total", "Handlers that did not end in time"),
    revoked: byKind("actor_revoked_uses_total", "Uses of contexts whose life had ended"),
    dead: tally(options, {
      name: "dead_letters_total",
      help: "Messages that reached nobody",
      label: "reason",
    }),
  };
}

/** Makes an observer that feeds a prom-client registry. Give it to `createKernel` and `watch` the kernel. */
export function prometheusObserver(options: PrometheusObserverOptions): PrometheusObserver {
  const { registry, prefix = "troupe_" } = options;
  const tallies = talliesOf(options);
  return {
    actorStarted: ({ kind }) => tallies.started.add(kind),
    actorStopped: ({ kind }) => tallies.stopped.add(kind),
    actorFailed: ({ kind }) => tallies.failed.add(kind),
    actorRestarted: ({ kind }) => tallies.restarted.add(kind),
    messagesHandled: ({ kind }, messages, tookMs) => {
      tallies.messages.add(kind, messages);
      tallies.seconds.add(kind, tookMs / 1_000);
    },
    deadLetter: (_to, reason) => tallies.dead.add(reason),
    handlerBlocked: ({ kind }) => tallies.blocked.add(kind),
    handlerStuck: ({ kind }) => tallies.stuck.add(kind),
    revokedUse: ({ kind }) => tallies.revoked.add(kind),
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
