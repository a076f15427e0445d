import type { StandardSchemaV1 } from "@standard-schema/spec";

/** A command whose input is checked by a Standard Schema (zod, valibot …) before its turn. */
export interface ValidatedCommand<in Context, in In, out Out, out Reply> {
  readonly kind: "validated-command";
  readonly schema: StandardSchemaV1<unknown, unknown>;
  readonly handler: (context: never, input: never) => unknown;
  /** Types only: never present at run time. */
  readonly "~types"?: {
    readonly context: (context: Context) => void;
    readonly input: (input: In) => void;
    readonly output: Out;
    readonly reply: Reply;
  };
}

/**
 * Declares a command with a schema. The owner of the actor checks the input before the turn
 * starts; what does not fit fails with TROUPE_COMMAND_INVALID and nothing was done. Callers see
 * the schema's input type, the handler its output.
 */
// The bound must be `any`: `StandardSchemaV1<never, never>` refuses every schema.
// oxlint-disable-next-line typescript/no-explicit-any
export function command<Schema extends StandardSchemaV1<any, any>, Context, Reply>(
  schema: Schema,
  handler: (context: Context, input: NoInfer<StandardSchemaV1.InferOutput<Schema>>) => Reply,
): ValidatedCommand<
  Context,
  StandardSchemaV1.InferInput<Schema>,
  StandardSchemaV1.InferOutput<Schema>,
  Reply
> {
  return { kind: "validated-command", schema, handler };
}

export type AnyHandler<Context> =
  | ((context: Context, ...input: never[]) => unknown)
  // A bound for all schemas at once; see the note at `command`.
  // oxlint-disable-next-line typescript/no-explicit-any
  | ValidatedCommand<Context, any, any, unknown>;

/** The commands of an actor: handlers by name. `never[]` keeps a forgotten annotation an error. */
export interface CommandMap<Context> {
  readonly [name: string]: AnyHandler<Context>;
}

/** A handler as its callers see it: without the context. */
export type MethodOf<H> = H extends (context: never, ...input: infer I) => infer R
  ? (...input: I) => R
  : H extends ValidatedCommand<never, infer In, unknown, infer R>
    ? (input: In) => R
    : never;

export function isValidatedCommand(
  value: unknown,
): value is ValidatedCommand<never, never, unknown, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    (value as { kind?: unknown }).kind === "validated-command"
  );
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  return (issue.path ?? [])
    .map((segment) => String(typeof segment === "object" ? segment.key : segment))
    .join(".");
}

/** The issues of a failed check, one readable line each. */
export function issueLines(issues: readonly StandardSchemaV1.Issue[]): string[] {
  return issues.map((issue) => {
    const path = pathOf(issue);
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
}
