/** Wall-clock time of one piece of work, starting from a clean heap where the runtime allows it. */
export function elapsedMs(work: () => unknown): number {
  globalThis.gc?.();
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}
