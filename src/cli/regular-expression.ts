import { UsageError } from "./usage-error.ts";

/** A commander parser for patterns. */
export function regularExpression(option: string) {
  return (text: string): RegExp => {
    try {
      return new RegExp(text, "u");
    } catch (error) {
      throw new UsageError(
        `${option} wants a regular expression, such as "error|warning": ${(error as Error).message}`,
      );
    }
  };
}
