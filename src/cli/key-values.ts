import { UsageError } from "./usage-error.ts";

/** Collects repeated `key=value` options; commander calls it once per occurrence. */
export function keyValues(option: string) {
  return (text: string, sofar: Readonly<Record<string, string>>): Record<string, string> => {
    const at = text.indexOf("=");
    if (at <= 0) {
      throw new UsageError(`${option} wants key=value, got "${text}"`);
    }
    const key = text.slice(0, at);
    if (Object.hasOwn(sofar, key)) {
      throw new UsageError(`${option} names "${key}" twice`);
    }
    return { ...sofar, [key]: text.slice(at + 1) };
  };
}

/** Collects repeated plain values. */
export function list(text: string, sofar: readonly string[]): string[] {
  return [...sofar, text];
}
