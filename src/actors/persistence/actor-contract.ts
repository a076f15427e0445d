import { checkCommandNames, type HandleClass, handleClass } from "../kernel/index.ts";

/** The commands of a definition as its callers see them: `ContractOf<typeof Account>`. */
export type ContractOf<D extends { readonly "~types"?: { readonly commands: unknown } }> =
  NonNullable<D["~types"]>["commands"];

/** A persistent actor as its callers know it: names and types, none of its code. */
export interface ActorContract<C> {
  readonly kind: "actor-contract";
  readonly name: string;
  readonly Handle: HandleClass<C>;
  /** Types only: never present at run time. */
  readonly "~types"?: { readonly commands: C };
}

/**
 * Stands in for a definition where its code should not be imported: with a type-only import of the
 * definition, `actorContract<ContractOf<typeof Account>>("account", { deposit: true, … })`. All commands
 * are listed, since types leave nothing behind at run time. Some part of the system hosts the definition itself.
 *
 * @throws TROUPE_NAME_INVALID for a reserved command name.
 */
export function actorContract<C>(
  name: string,
  commands: { readonly [K in keyof C]: true },
): ActorContract<C> {
  const commandNames = Object.keys(commands);
  checkCommandNames(name, commandNames);
  return { kind: "actor-contract", name, Handle: handleClass<C>(name, commandNames) };
}
