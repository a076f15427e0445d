import type { RejectionOf } from "./handle.ts";
import { CommandRejectedError } from "./rejection.ts";

/** The rejections of one command of a definition. */
export type RejectionsOf<D, K> = D extends {
  readonly "~types"?: { readonly commands: infer C };
}
  ? K extends keyof C
    ? C[K] extends (...input: never[]) => infer R
      ? RejectionOf<R>
      : never
    : never
  : never;

/** True when `error` is the rejection of that command of that kind of actor; narrows its details. */
export function isRejectedBy<
  D extends { readonly name: string; readonly "~types"?: { readonly commands: unknown } },
  K extends string & keyof NonNullable<D["~types"]>["commands"],
>(error: unknown, definition: D, command: K): error is CommandRejectedError<RejectionsOf<D, K>> {
  return (
    error instanceof CommandRejectedError &&
    error.definition === definition.name &&
    error.details.command === command
  );
}
