/** Why git failed, from the end of what it said: pure. Its words are those of git in the locale C, and of common servers. */

export interface CheckoutProblem {
  /** For a person: what it means, then git's own words. */
  readonly text: string;
  /** May it go well another time? */
  readonly isPassing: boolean;
}

interface Kind {
  readonly words: RegExp;
  readonly meaning: (named: CheckoutNames) => string;
  readonly isPassing?: true;
}

export interface CheckoutNames {
  readonly ref: string;
  /** Empty = there is none. */
  readonly tokenName: string;
}

/** The first that fits counts. */
const kinds: readonly Kind[] = [
  {
    words: /No space left on device|Disk quota exceeded/,
    meaning: () => "the agent's work folder has no space left",
  },
  {
    words:
      /couldn't find remote ref|not our ref|unadvertised object|did not match any file|unknown revision|bad object|Needed a single revision|no such remote ref/i,
    meaning: ({ ref }) =>
      ref === "HEAD"
        ? "the repository is empty"
        : `there is no branch, tag or commit ${JSON.stringify(ref)}`,
  },
  {
    words:
      /Authentication failed|could not read (Username|Password)|Permission denied|terminal prompts disabled|error: 40[13]\b|HTTP Basic: Access denied|Host key verification failed/i,
    meaning: ({ tokenName }) =>
      tokenName === ""
        ? "authentication failed, and the checkout has no token"
        : `authentication failed: the secret "${tokenName}" was not taken`,
  },
  {
    words:
      /repository .*not found|Repository not found|does not appear to be a git repository|access denied or repository not exported|error: 404\b|project you were looking for could not be found|not valid: is this a git repository/i,
    meaning: () => "there is no such repository, or none that may be seen",
  },
  {
    words: /transport '.*' not allowed|protocol .* is not supported|unable to find remote helper/i,
    meaning: () => "its address, or a submodule's, is of a kind that is not allowed",
  },
  {
    words: /SSL certificate problem|server certificate verification failed|SSL: no alternative/i,
    meaning: () => "the server's certificate is not one that this agent trusts",
  },
  {
    words:
      /Could not resolve|Failed to connect|Couldn't connect|Connection (refused|reset|timed out)|unable to connect|timed out|early EOF|hung up|RPC failed|unexpected disconnect|error: (408|429|5\d\d)\b|Operation too slow|Empty reply|Recv failure|transfer closed|SSL_|gnutls_|TLS connection|unexpected eof|invalid index-pack output|bad pack header|Network is unreachable|No route to host|bad line length|expected (flush|packfile)|read error/i,
    meaning: () => "the server cannot be reached, or the connection broke",
    isPassing: true,
  },
];

export function checkoutProblem(tail: string, named: CheckoutNames): CheckoutProblem {
  const lines = tail
    .split(/[\r\n]+/)
    // A server's own words decide nothing.
    .filter((line) => line.trim() !== "" && !/^remote:(?! Repository not found)/.test(line));
  const said = lines.findLast((line) => /^(fatal|error):/.test(line)) ?? lines.at(-1) ?? "";
  const kind = kinds.find(({ words }) => lines.some((line) => words.test(line)));
  const words = said.slice(0, 300);
  if (kind === undefined) return { text: words || "git said nothing", isPassing: false };
  const text = `${kind.meaning(named)}${words === "" ? "" : ` (${words})`}`;
  return { text, isPassing: kind.isPassing === true };
}
