/**
 * nact 7.6.2 as it is, loosely typed, for showing its faults beside our behaviour.
 * Each test of this folder has two halves: what plain nact does, and what ours does instead.
 */
import * as nactModule from "nact";

export interface Ref {
  readonly name: string;
}

type Symbols = Readonly<Record<string, symbol>>;

export interface Context extends Symbols {
  readonly self: Ref & symbol;
  readonly persist: ((event: unknown) => Promise<void>) & symbol;
}

// nact's own types refuse several of the calls below, or allow what fails at run time.
// oxlint-disable-next-line typescript/no-explicit-any
type Message = any;

export interface Properties {
  readonly onCrash?: (message: unknown, error: unknown, context: Context, child?: Ref) => unknown;
  readonly initialStateFunc?: (context: Context) => unknown;
  readonly initialState?: unknown;
  readonly afterStop?: () => void;
  readonly shutdownAfter?: number;
  readonly snapshotEvery?: number;
  readonly snapshotEncoder?: (state: unknown) => unknown;
}

type Handler = (state: Message, message: Message, context: Context) => unknown;

interface PlainNact {
  start(...extensions: unknown[]): Ref;
  stop(ref: Ref): void;
  spawn(parent: Ref, handler: Handler, name?: string, properties?: Properties): Ref;
  spawnStateless(
    parent: Ref,
    handler: (message: Message, context: Context) => unknown,
    name?: string,
    properties?: Properties,
  ): Ref;
  spawnPersistent(
    parent: Ref,
    handler: Handler,
    key: string,
    name?: string,
    properties?: Properties,
  ): Ref;
  dispatch(ref: Ref, message: unknown): void;
  query(ref: Ref, message: (temporary: Ref) => unknown, timeoutMs?: number): Promise<unknown>;
  configurePersistence(engine: unknown): unknown;
}

export const nact = nactModule as unknown as PlainNact;

/** Lets the event loop go round: all that nact has queued is done after a few rounds. */
export async function rounds(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A persistence engine of nact that keeps everything in an array. */
export class ArrayEngine {
  readonly stored: { key: string; sequenceNumber: number; data: unknown }[] = [];
  beforeWrite: (data: unknown) => Promise<void> = () => Promise.resolve();

  events(key: string): unknown {
    return this.stored.filter((event) => event.key === key);
  }

  latestSnapshot(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  takeSnapshot(): Promise<void> {
    return Promise.resolve();
  }

  async persist(event: { key: string; sequenceNumber: number; data: unknown }): Promise<void> {
    await this.beforeWrite(event.data);
    this.stored.push(event);
  }

  /** What is stored of one key, as `data#number`. */
  of(key: string): string[] {
    return this.stored
      .filter((event) => event.key === key)
      .map((event) => `${String(event.data)}#${event.sequenceNumber}`);
  }
}

/** A promise that is settled from outside. */
export function gate(): { readonly promise: Promise<void>; readonly open: () => void } {
  let open: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
