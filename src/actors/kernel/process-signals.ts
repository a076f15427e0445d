import type { Logger } from "./logger.ts";

export const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

export type StopSignal = (typeof stopSignals)[number];

/**
 * Stops a system when the process is asked to end, then lets the signal do what it does without
 * a handler, so that the parent sees the right cause of death. A second signal does so at once.
 * Returns what takes the handlers back.
 */
export function stopOnSignals(
  signals: readonly StopSignal[],
  stop: () => Promise<void>,
  logger: Logger,
): () => void {
  let isStopping = false;
  const release = (): void => {
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
  const die = (signal: NodeJS.Signals): void => {
    release();
    process.kill(process.pid, signal);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      die(signal);
      return;
    }
    isStopping = true;
    logger.info("stopping; a second signal ends the process at once", { signal });
    void stop().then(
      () => die(signal),
      (error: unknown) => {
        logger.error("the stop failed", { error });
        die(signal);
      },
    );
  };
  for (const signal of signals) process.on(signal, onSignal);
  return release;
}
