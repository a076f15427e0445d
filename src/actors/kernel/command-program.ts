import { ActorContextImplementation } from "./actor-context.ts";
import type { Ask } from "./ask.ts";
import { type Program, Refusal } from "./blueprint.ts";
import { issueLines, isValidatedCommand, type ValidatedCommand } from "./command.ts";
import type { Incarnation } from "./incarnation.ts";
import { TroupeError } from "./troupe-error.ts";

type Handler = (context: unknown, ...input: unknown[]) => unknown;
type Validated = ValidatedCommand<never, never, unknown, unknown>;

/** The commands of one definition, shared by all its actors. */
export class CommandTable {
  readonly #commands: ReadonlyMap<string, unknown>;
  /** The last one that was found: commands of one kind come in a row. */
  #name = "";
  #command: unknown = undefined;

  constructor(commands: object) {
    this.#commands = new Map<string, unknown>(Object.entries(commands));
  }

  get names(): string[] {
    return [...this.#commands.keys()];
  }

  find(name: string): unknown {
    if (name === this.#name) return this.#command;
    this.#name = name;
    this.#command = this.#commands.get(name);
    return this.#command;
  }
}

/**
 * One life of an actor with commands: finds the handler, checks the input, calls it. It is its
 * own context, which saves an object per actor.
 */
export class CommandProgram<S> extends ActorContextImplementation<S> implements Program {
  readonly #commands: CommandTable;

  constructor(incarnation: Incarnation, commands: CommandTable) {
    super(incarnation);
    this.#commands = commands;
  }

  receive(what: unknown, how: string | Ask | null): unknown {
    const command = typeof how === "string" ? how : (how?.command ?? "");
    const handler = this.#commands.find(command);
    // A command is always sent with an array of inputs.
    const input = what as readonly unknown[];
    if (typeof handler === "function") return this.#call(handler as Handler, input);
    if (isValidatedCommand(handler)) return this.#check(command, handler, input[0]);
    const known = this.#commands.names;
    return new Refusal(
      new TroupeError("TROUPE_COMMAND_UNKNOWN", { actor: this.path, command, known }),
    );
  }

  #call(handler: Handler, input: readonly unknown[]): unknown {
    // Spreading costs more than the message itself, and most commands have few inputs.
    switch (input.length) {
      case 0:
        return handler(this);
      case 1:
        return handler(this, input[0]);
      case 2:
        return handler(this, input[0], input[1]);
      default:
        return handler(this, ...input);
    }
  }

  #check(command: string, of: Validated, input: unknown): unknown {
    type Checked = Awaited<ReturnType<Validated["schema"]["~standard"]["validate"]>>;
    const go = (checked: Checked): unknown => {
      if (checked.issues === undefined) return (of.handler as Handler)(this, checked.value);
      const issues = issueLines(checked.issues);
      const details = { actor: this.path, command, issues };
      return new Refusal(new TroupeError("TROUPE_COMMAND_INVALID", details));
    };
    const checked = of.schema["~standard"].validate(input);
    return checked instanceof Promise ? checked.then(go) : go(checked);
  }
}
