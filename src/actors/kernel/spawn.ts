import type { Blueprint, GivenOptions, Spawnable } from "./blueprint.ts";
import type { Cell } from "./cell.ts";
import { checkActorOptions, invalidOption } from "./check-options.ts";
import { checkName } from "./names.ts";
import { TroupeError } from "./troupe-error.ts";

/** Starts an actor below `parent` and gives its typed face. Its first turn makes its state. */
export function spawnUnder<H, P>(
  parent: Cell,
  definition: Spawnable<H, P>,
  name: string,
  given: GivenOptions,
): H {
  const { engine } = parent;
  checkName(name, engine.limits.nameCharactersMax);
  checkActorOptions(given);
  if (parent.isEnding) {
    throw parent.parent === undefined
      ? new TroupeError("TROUPE_SYSTEM_STOPPED", { system: engine.name, use: "spawn" })
      : new TroupeError("TROUPE_REVOKED", { actor: parent.path, use: "spawn" });
  }
  const blueprint = blueprintOf(definition);
  // The blueprint's face is what the definition's type says.
  return blueprint.face(parent.addChild(blueprint, name, given)) as H;
}

function blueprintOf(definition: Spawnable<unknown, never>): Blueprint {
  const blueprint = (definition as Partial<typeof definition> | undefined)?.["~blueprint"];
  if (blueprint !== undefined) return blueprint;
  const expected = "what defineActor, defineBehaviour or defineRouter returns";
  throw invalidOption("definition", expected, definition);
}
