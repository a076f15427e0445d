/** What a persistent actor's `.events({ … })` may look like, and the types drawn from it. */

/** Applies one event: pure, no clock, no randomness, no I/O, because it also runs at every recovery. */
export type EventHandler<S, P> = (state: Readonly<S>, payload: P) => S;

/**
 * An event whose payload changed its shape over time. `version` is the newest one, 2 to 65,535;
 * `upcast[n]` turns a payload of version n into one of version n + 1, and there is one for each n below `version`.
 */
export interface VersionedEvent<S, P = never> {
  readonly version: number;
  // Old shapes are known to the upcasters alone: each names its own input.
  readonly upcast: { readonly [fromVersion: number]: (old: never) => unknown };
  readonly handle: EventHandler<S, P>;
}

/** Constraint of `.events()`: every handler takes the state first, then its payload (or nothing). */
export interface EventMap<S> {
  readonly [type: string]: EventHandler<S, never> | VersionedEvent<S>;
}

/** What `persist` takes for this event: the handler's second argument, `undefined` when it has none. */
export type PayloadOf<H> = H extends { readonly handle: infer F }
  ? PayloadOfHandler<F>
  : PayloadOfHandler<H>;

export type PayloadOfHandler<F> = F extends (...input: infer I) => unknown
  ? I extends readonly [unknown, infer P]
    ? P
    : undefined
  : never;

/** The state that a handler returns. */
export type StateFrom<H> = H extends { readonly handle: (...input: never[]) => infer R }
  ? R
  : H extends (...input: never[]) => infer R
    ? R
    : never;

/** Keys of any member of a union. */
export type KeysOfUnion<S> = S extends unknown ? keyof S : never;

/**
 * tsc accepts a misspelt key beside a spread (`({ ...state, balnceCents: 1 })`); this compares the
 * keys and answers with a sentence. States without named keys (arrays, records, primitives) pass.
 */
export type ExactStates<E, S> = string extends keyof E
  ? unknown
  : {
      readonly [K in keyof E]: K extends `~${string}`
        ? "names that start with '~' belong to the framework: rename this event"
        : [StrayKeys<StateFrom<E[K]>, S>] extends [never]
          ? unknown
          : `'${StrayKeys<StateFrom<E[K]>, S>}' is not in the state`;
    };

export type StrayKeys<R, S, All = S> = S extends
  | readonly unknown[]
  | string
  | number
  | boolean
  | bigint
  | null
  ? never
  : string extends KeysOfUnion<All>
    ? never
    : Exclude<KeysOfUnion<R>, KeysOfUnion<All>> & string;
