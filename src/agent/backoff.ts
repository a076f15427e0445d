import { agentLimits } from "./limits.ts";

/**
 * The wait before dial number `failures` in a row: 0 = at once, then full jitter below a doubling
 * ceiling. `random` is uniform in [0, 1): a thousand agents that lose one server come back spread.
 */
export function redialDelayMs(failures: number, random: () => number): number {
  if (failures <= 0) return 0;
  const ceilingMs = Math.min(
    agentLimits.redialMsMax,
    agentLimits.redialMsMin * 2 ** (failures - 1),
  );
  return Math.floor(random() * ceilingMs);
}
