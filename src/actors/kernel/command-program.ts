import type { Ask } from "./ask.ts";
import { type Program, Refusal } from "./blueprint.ts";
import { issueLines, isValidatedCommand } from "./command.ts";
import type { Incarnation } from "./incarnation.ts";
import { TroupeError } from "./troupe-error.ts";

type Handler = (context: unknown, ...input: unknown[]) => unknown;

function call(handler: Handler, context: unknown, input: readonly unknown[]): unknown {
  // Spreading costs more than the message itself; most commands have few inputs.
  switch (input.length) {
    case 0:
      return handler(context);
    case 1:
      return handler(context, input[0]);
    case 2:
      return handler(context, input[0], input[1]);
    default:
      return handler(context, ...input);
  }
}

/** Runs the commands of an actor: finds the handler, checks the input, calls it. */
export class CommandProgram implements Program {
  readonly #incarnation: Incarnation;
  readonly #context: { readonly state: unknown };
  readonly #commands: ReadonlyMap<string, unknown>;

  constructor(
    incarnation: Incarnation,
    context: { readonly state: unknown },
    commands: ReadonlyMap<string, unknown>,
  ) {
    this.#incarnation = incarnation;
    this.#context = context;
    this.#commands = commands;
  }

  get state(): unknown {
    return this.#context.state;
  }

  receive(what: unknown, how: string | Ask | null): unknown {
    const command = typeof how === "string" ? how : (how?.command ?? "");
    const handler = this.#commands.get(command);
    // A command is always sent with an array of inputs.
    const input = what as readonly unknown[];
    if (typeof handler === "function") return call(handler as Handler, this.#context, input);
    if (isValidatedCommand(handler)) return this.#checked(command, handler, input[0]);
    const actor = this.#incarnation.cell.path;
    const known = [...this.#commands.keys()];
    return new Refusal(new TroupeError("TROUPE_COMMAND_UNKNOWN", { actor, command, known }));
  }

  #checked(
    command: string,
    of: Parameters<typeof isValidatedCommand>[0] & object,
    input: unknown,
  ): unknown {
    if (!isValidatedCommand(of)) return undefined;
    type Checked = Awaited<ReturnType<(typeof of.schema)["~standard"]["validate"]>>;
    const go = (checked: Checked): unknown => {
      if (checked.issues !== undefined) {
        const actor = this.#incarnation.cell.path;
        const issues = issueLines(checked.issues);
        return new Refusal(new TroupeError("TROUPE_COMMAND_INVALID", { actor, command, issues }));
      }
      return (of.handler as Handler)(this.#context, checked.value);
    };
    const checked = of.schema["~standard"].validate(input);
    return checked instanceof Promise ? checked.then(go) : go(checked);
  }
}
