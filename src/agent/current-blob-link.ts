/** The link for transfers of whoever the agent is by now: made when first asked for, and anew with a new identity. */
import type { Identity } from "./identity.ts";
import type { Dialer } from "./link.ts";
import type { BlobLink } from "./transfers.ts";

export class CurrentBlobLink {
  identity: () => Identity | undefined = () => undefined;
  readonly #dialer: Dialer;
  #open:
    | { readonly identity: Identity; readonly link: ReturnType<Dialer["transfers"]> }
    | undefined;

  constructor(dialer: Dialer) {
    this.#dialer = dialer;
  }

  /** undefined: the agent is nobody yet. */
  link(): BlobLink | undefined {
    const identity = this.identity();
    if (identity === undefined) return undefined;
    if (this.#open?.identity !== identity) {
      this.close();
      this.#open = { identity, link: this.#dialer.transfers(identity) };
    }
    return this.#open.link;
  }

  /** Transfers that are under way end by themselves. */
  close(): void {
    this.#open?.link.close();
    this.#open = undefined;
  }
}
