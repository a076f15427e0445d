import { UsageError } from "./usage-error.ts";

/** A commander parser for whole numbers within bounds. */
export function wholeNumber(option: string, [min, max]: readonly [number, number]) {
  return (text: string): number => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new UsageError(`${option} wants a whole number from ${min} to ${max}, got "${text}"`);
    }
    return value;
  };
}
