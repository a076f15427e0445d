/** Waits for a condition, never for time: asks again until it is there or the deadline has passed. */
import { setTimeout as pause } from "node:timers/promises";

export interface WaitOptions {
  /** Default 60,000: only what hangs meets it. */
  readonly deadlineMs?: number;
  readonly everyMs?: number;
}

/** Resolves with the first value that is neither undefined nor false. What `condition` throws ends the wait. */
export async function waitUntil<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const deadlineMs = Date.now() + (options.deadlineMs ?? 60_000);
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadlineMs) {
      throw new Error(`waited ${options.deadlineMs ?? 60_000} ms in vain until ${what}`);
    }
    await pause(options.everyMs ?? 20);
  }
}
