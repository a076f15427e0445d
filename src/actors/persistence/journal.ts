/**
 * The journal port: what the protocol of this folder needs of a store, and nothing else.
 *
 * A journal has a fixed number of shards. A shard is an append-only sequence of records; a record
 * is opaque bytes here (one frame, see `frame.ts`). Claims, fencing, the replay rule and the
 * directory stand above this port, once, for every store.
 *
 * What an adapter must promise (held by `test/contracts/journal-contract.ts`):
 *  J1. A position only grows within a shard; a record keeps its position for ever.
 *  J2. `append` answers `at` only for a record that every later `read` will return, also after
 *      the process, or one replica in three, has died.
 *  J3. `uncertain` says nothing: the record may be there, may come later, may never come.
 *      `refused` is said only when the record is certainly not there and never will be.
 *  J4. `clean: true` only if no other record of this shard lies in [expected, at).
 *  J5. `read` returns records in position order, without holes; from below the low mark it throws
 *      `TROUPE_JOURNAL_OUT_OF_RANGE`, it never jumps.
 *  J6. Nothing here retries by itself: a retry is the protocol's decision.
 */

/** A place in a shard: a Kafka offset, or a byte position of the embedded log. Grows, never reused. */
export type Position = number;

export interface AppendRequest {
  readonly shard: number;
  /** Where the caller believes the shard ends, so that `clean` can be answered without a read. */
  readonly expected: Position;
  readonly bytes: Uint8Array;
}

export type AppendResult =
  /** Durable at `at`; the next record of this shard lands at `next` or later. */
  | {
      readonly outcome: "at";
      readonly at: Position;
      readonly next: Position;
      readonly clean: boolean;
    }
  | { readonly outcome: "uncertain"; readonly cause: unknown }
  | { readonly outcome: "refused"; readonly cause: unknown };

export interface JournalRecord {
  readonly position: Position;
  /** Where to read on. */
  readonly next: Position;
  /** Valid as long as the caller likes: never a slice of a reused buffer. */
  readonly bytes: Uint8Array;
}

export interface JournalPage {
  readonly records: readonly JournalRecord[];
  /** Where to read on; equals `from` when nothing was there. */
  readonly next: Position;
}

export interface ShardExtent {
  /** The first position that can still be read. 0 unless something was cut. */
  readonly low: Position;
  /** Above every record that is readable now. */
  readonly end: Position;
}

export interface Journal {
  /** Random, 32 hex digits, made with the journal. In every frame and every snapshot key. */
  readonly journalId: string;
  /** Fixed for the life of the journal. */
  readonly shards: number;
  /** The biggest record that `append` takes, in bytes. */
  readonly recordBytesMax: number;

  tail(shard: number): Promise<ShardExtent>;

  /**
   * One result per request, in order. Never throws for a store's failure: that is `uncertain`.
   * A store of several parts tells `onResult` each result as soon as it is known, so that one part that hangs holds
   * up nobody else's shards. The bytes of a request do not change before its result is known, by either way, and may
   * from then on: what is needed for longer is to be copied.
   */
  append(
    requests: readonly AppendRequest[],
    onResult?: (index: number, result: AppendResult) => void,
  ): Promise<readonly AppendResult[]>;

  /**
   * Up to about `bytesMax` bytes of records, at least one record if there is one. `from` need not be
   * the place of a record: the first one at or above it comes first.
   */
  read(shard: number, from: Position, bytesMax: number): Promise<JournalPage>;

  /** The record at exactly this position; `TROUPE_JOURNAL_OUT_OF_RANGE` if it was cut away. */
  readAt(shard: number, position: Position): Promise<JournalRecord>;

  /** Lets the store drop records below `before`. It may keep more; it never drops more. */
  cut(shard: number, before: Position): Promise<void>;

  /** Releases descriptors and sockets. Appends under way settle first. */
  close(): Promise<void>;
}
