import type { Cell } from "./cell.ts";

/** Where an actor stands in its life; `cell.ts` draws the transitions. */
export type Phase =
  | "new"
  | "starting"
  | "running"
  | "suspended"
  | "ending"
  | "backing-off"
  | "stopped";

/** What the kernel tells an actor. Orders go before messages and do not wait for a handler. */
export type Order =
  /** Without a deadline: the parent's own reaches it. */
  | { readonly kind: "stop"; readonly deadlineMs: number | undefined }
  | { readonly kind: "child-ended" }
  | { readonly kind: "child-failed"; readonly child: Cell; readonly error: unknown }
  | { readonly kind: "resume" };
