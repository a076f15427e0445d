/**
 * What git is asked to bring, judged before git hears of it: pure. Names come from people and from outputs
 * of other jobs, and git would take some of them for options, commands or lists of refs.
 */
import type { Checkout } from "../../proto/troupe/agent/v1/agent.ts";

export interface CheckoutOrder {
  readonly repository: string;
  /** A name, or `HEAD`. */
  readonly ref: string;
  /** Is `ref` the id of a commit? Not every server gives one that no branch ends with. */
  readonly isCommit: boolean;
  /** Scheme, host and port that a token is for; undefined = there is no token. */
  readonly tokenFor: string | undefined;
}

/** Its message says what is wrong, and never quotes a password. */
export class CheckoutRefused extends Error {}

const schemes = new Set(["https:", "http:", "ssh:", "git:"]);

export function checkoutOrder(checkout: Checkout): CheckoutOrder {
  const { repository, token } = checkout;
  const origin = checkedOrigin(repository);
  if (token === "") return { repository, ...checkedRef(checkout.ref), tokenFor: undefined };
  if (origin === undefined) throw new CheckoutRefused("a token is for https:// only");
  if (origin.startsWith("http:") && !isLoopback(origin)) {
    throw new CheckoutRefused("a token goes over https:// only, or everybody on the way reads it");
  }
  if (/[\r\n\0]/.test(token + checkout.username)) {
    throw new CheckoutRefused("its token or its user name has more than one line");
  }
  return { repository, ...checkedRef(checkout.ref), tokenFor: origin };
}

/** Where a token may go: scheme, host and port, over HTTP; undefined over anything else. */
function checkedOrigin(repository: string): string | undefined {
  const refused = new CheckoutRefused(
    "its repository is not https://…, http://…, ssh://…, git://… or user@host:path",
  );
  if (/[\s\p{Cc}]/u.test(repository)) throw refused;
  if (/^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:(?![:-])./.test(repository)) return undefined;
  const url = URL.canParse(repository) ? new URL(repository) : undefined;
  if (url === undefined || !/^\w+:\/\//.test(repository) || !schemes.has(url.protocol)) {
    throw refused;
  }
  if (url.password !== "" || (url.username !== "" && url.protocol !== "ssh:")) {
    throw new CheckoutRefused("its repository's address holds a user or a password: use token");
  }
  // What ssh would take for an option.
  if (!/^[[A-Za-z0-9]/.test(url.hostname) || url.username.startsWith("-")) throw refused;
  return url.protocol === "https:" || url.protocol === "http:" ? url.origin : undefined;
}

function checkedRef(ref: string): Pick<CheckoutOrder, "ref" | "isCommit"> {
  if (ref === "") return { ref: "HEAD", isCommit: false };
  if (!/^(?![-+/])(?!.*(\.\.|@\{))[^\s~^:?*[\\\p{Cc}]{1,255}$/u.test(ref)) {
    const shown = JSON.stringify(ref.slice(0, 100));
    throw new CheckoutRefused(`${shown} cannot be the name of a branch, a tag or a commit`);
  }
  return { ref, isCommit: /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref) };
}

function isLoopback(origin: string): boolean {
  const { hostname } = new URL(origin);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}
