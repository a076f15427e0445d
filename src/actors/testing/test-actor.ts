/** `testActor(Account).given(…).when.withdraw(3)`: one persistent actor's decisions, without a system. */
import type { Logger, RejectionOf, ReplyOf } from "../kernel/index.ts";
import { seededRandom, silentLogger } from "../kernel/index.ts";
import { DryEntity, type DryTurn, type PersistentActorDefinition } from "../persistence/index.ts";

/** An event of a definition, as `given` takes it and a turn shows it. */
export type TestedEvent<E> = {
  [K in keyof E]: undefined extends E[K]
    ? { readonly type: K; readonly data?: E[K] }
    : { readonly type: K; readonly data: E[K] };
}[keyof E];

/** What one turn came to. Of a turn that failed or rejected nothing is kept. */
export interface TestedTurn<S, E, R> {
  /** What would be in the journal now, in order. */
  readonly events: readonly TestedEvent<E>[];
  /** The reply; undefined when there is none, or when it was rejected or failed. */
  readonly reply: ReplyOf<R> | undefined;
  readonly rejection: RejectionOf<R> | undefined;
  /** What the handler threw, or why its input was refused. */
  readonly error: unknown;
  /** The state after the turn. */
  readonly state: S;
  /** The durable timers after the turn, by name. */
  readonly timers: ReadonlyMap<string, { readonly atMs: number; readonly data: unknown }>;
  /** The reliable effects that this turn asked for, in order; they do not run. */
  readonly effects: readonly { readonly effect: string; readonly data: unknown }[];
  readonly stopped: boolean;
  readonly deleted: boolean;
}

export interface TestActorOptions {
  /** Default "test". */
  readonly id?: string;
  /** Where the actor's own lines go. Default: nowhere. */
  readonly logger?: Logger;
}

export interface TestActor<S, E, C> {
  /** Applies events that lie in the past. */
  given(...events: readonly TestedEvent<E>[]): TestActor<S, E, C>;
  /** The time of the turns from here on: `now` in their context. Default: 2026-01-01T00:00:00Z. */
  at(now: Date): TestActor<S, E, C>;
  /** Runs a command's turn, with effects; each one goes on from the state that the one before left. */
  readonly when: {
    readonly [K in keyof C]: C[K] extends (...input: infer I) => infer R
      ? (...input: I) => Promise<TestedTurn<S, E, R>>
      : never;
  };
  /** Runs the turn of a durable timer, as if it had been started with `data` and were due. */
  fires(timer: string, data?: unknown): Promise<TestedTurn<S, E, void>>;
}

/**
 * Tests what a persistent actor decides: handlers, events and validation run for real; there is no system, no
 * journal and no time but what the test gives.
 */
export function testActor<S, E, C>(
  { model }: PersistentActorDefinition<S, E, C>,
  { id = "test", logger = silentLogger }: TestActorOptions = {},
): TestActor<S, E, C> {
  // The same keys of effects in each run.
  const random = seededRandom(1);
  const entity = new DryEntity(model, id, { logger, observer: undefined, random });
  let nowMs = Date.UTC(2026, 0, 1);
  const commands = Array.from(model.commands.keys(), (name) => {
    const run = async (...input: unknown[]): Promise<unknown> =>
      shown(await entity.command(name, input, nowMs));
    return [name, run] as const;
  });
  const tested = {
    given(...events: readonly { readonly type: string; readonly data?: unknown }[]) {
      for (const { type, data } of events) entity.given({ type, data });
      return tested;
    },
    at(now: Date) {
      nowMs = now.getTime();
      return tested;
    },
    when: Object.fromEntries(commands),
    fires: async (timer: string, data?: unknown) => shown(await entity.timer(timer, data, nowMs)),
  };
  // Commands and events are found by name; their types are the definition's.
  return tested as unknown as TestActor<S, E, C>;
}

function shown({ answer, ...turn }: DryTurn): TestedTurn<unknown, unknown, unknown> {
  return {
    ...turn,
    events: turn.events as never,
    reply: answer.kind === "reply" ? answer.value : undefined,
    rejection: (answer.kind === "rejection" ? answer.rejection : undefined) as never,
    error: answer.kind === "fault" || answer.kind === "refused" ? answer.error : undefined,
  };
}
