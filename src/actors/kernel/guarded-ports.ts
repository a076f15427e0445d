import type { LogFields, Logger } from "./logger.ts";
import type { Observer } from "./observer.ts";

/**
 * Loggers and observers are users' code called from the middle of the kernel: what they throw
 * must not end a turn. It is counted and, the first time, said on stderr.
 */
export class PortGuard {
  failures = 0;

  run(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    this.failures++;
    if (this.failures === 1) console.error("troupe: a logger or observer threw", error);
  }
}

export function guardedLogger(logger: Logger, guard: PortGuard): Logger {
  const guarded =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields?: LogFields): void =>
      guard.run(() => logger[level](message, fields));
  return {
    debug: guarded("debug"),
    info: guarded("info"),
    warn: guarded("warn"),
    error: guarded("error"),
    child: (fields) => {
      let made = logger;
      guard.run(() => {
        made = logger.child(fields);
      });
      return guardedLogger(made, guard);
    },
  };
}

type ObserverMethod = (one: unknown, two: unknown, three: unknown) => void;

/** The same observer, each of whose methods is guarded; methods it lacks stay absent. */
export function guardedObserver(observer: Observer, guard: PortGuard): Observer {
  const methods: [keyof Observer, ObserverMethod][] = [];
  for (const name of observerMethods) {
    // No method has more than three arguments.
    const method = observer[name] as ObserverMethod | undefined;
    if (method === undefined) continue;
    // Called for each run of messages: makes no closure and no list of arguments.
    const call: ObserverMethod = (one, two, three) => {
      try {
        method.call(observer, one, two, three);
      } catch (error) {
        guard.failed(error);
      }
    };
    methods.push([name, call]);
  }
  return Object.fromEntries(methods) as Observer;
}

const observerMethods: readonly (keyof Observer)[] = [
  "actorStarted",
  "actorStopped",
  "actorFailed",
  "actorRestarted",
  "messagesHandled",
  "deadLetter",
  "handlerBlocked",
  "handlerStuck",
  "revokedUse",
];
