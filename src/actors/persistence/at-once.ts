import { TroupeError } from "../kernel/index.ts";

/**
 * What a function of the user's gave back that must not wait: states are made of events in one go, live and in a
 * recovery. A promise in its place would be stored as the state, and what it stands for be lost.
 * @throws TROUPE_OPTION_INVALID for a promise.
 */
export function atOnce<T>(value: T, what: () => string): T {
  if (!(value instanceof Promise)) return value;
  // Whoever made it is told below; what becomes of it is nobody's.
  value.catch(() => {});
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: what(),
    expected: "a function that is not async and returns its value",
    got: "a promise",
  });
}
