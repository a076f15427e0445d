/** `troupe-agent`'s arguments: what they mean, and a plain sentence for each mistake. */
import { parseArgs } from "node:util";
import { AgentError, exitCodes } from "./agent-error.ts";

export const helpText = `Usage: troupe-agent --server host:port [options]

Runs jobs for a Troupe server. The agent dials the server; nothing listens here.

  --server HOST:PORT     the server's agent address
  --token-file FILE      one-time token for the first start, - for standard input
                         (else TROUPE_TOKEN of the environment, else standard input)
  --name NAME            how this agent is called (default: the host's name)
  --label NAME=VALUE     what jobs may ask for; repeat for more
  --slots N              jobs at once (default: 1)
  --work-dir DIR         where jobs get their folders (default: work in the state folder)
  --state-dir DIR        keeps the agent's identity (default: ~/.troupe/agents/NAME)
  --tls-ca FILE          PEM of the authority that signed the server's certificate
  --plaintext            no TLS to a server on another machine: secrets travel in the clear
  --no-cgroups           never put jobs into control groups
  --drain-timeout S      after SIGTERM, cancel what still runs S seconds later (default: wait)
  --give-up-after S      end when there was no server for S seconds and no job runs (default: never)
  --log-file FILE        write the agent's own log there instead of stderr
  --version, --help

SIGTERM or SIGINT: take no more jobs, end when the present ones are done. Again, or SIGQUIT: cancel them.
Exit codes: 0 done, 1 this machine is in the way, 2 usage, 3 refused by the server, 4 results not acknowledged,
5 gave up.
`;

/** What the flags say, as plain data: also what another program passes to `runAgent`. */
export interface AgentFlags {
  readonly server: string;
  /** A file that holds the one-time token, `-` for standard input. Default: TROUPE_TOKEN of the environment, else standard input unless it is a terminal. */
  readonly tokenFile?: string;
  readonly name?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly slots?: number;
  readonly workDir?: string;
  readonly stateDir?: string;
  readonly tlsCaFile?: string;
  readonly plaintext?: boolean;
  readonly cgroups?: boolean;
  /** After the first signal, how long running jobs may take. Default: for ever. */
  readonly drainTimeoutMs?: number;
  /** Without a server and without a running job, when to end. Default: never. */
  readonly giveUpAfterMs?: number;
  /** Default: stderr. */
  readonly logFile?: string;
}

export type Command =
  | { readonly command: "help" }
  | { readonly command: "version" }
  | { readonly command: "run"; readonly flags: AgentFlags };

const definitions = {
  server: { type: "string" },
  "token-file": { type: "string" },
  name: { type: "string" },
  label: { type: "string", multiple: true },
  slots: { type: "string" },
  "work-dir": { type: "string" },
  "state-dir": { type: "string" },
  "tls-ca": { type: "string" },
  plaintext: { type: "boolean" },
  "no-cgroups": { type: "boolean" },
  "drain-timeout": { type: "string" },
  "give-up-after": { type: "string" },
  "log-file": { type: "string" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Throws `AgentError` with exit code `usage`. */
export function parseCommandLine(args: readonly string[]): Command {
  const values = parse(args);
  if (values.help === true) return { command: "help" };
  if (values.version === true) return { command: "version" };
  if (values.server === undefined)
    throw usage("--server is missing: where does the server listen?");
  return {
    command: "run",
    flags: {
      server: values.server,
      label: labels(values.label ?? []),
      plaintext: values.plaintext === true,
      cgroups: values["no-cgroups"] !== true,
      ...defined("tokenFile", values["token-file"]),
      ...defined("name", values.name),
      ...defined("slots", number("--slots", values.slots)),
      ...defined("workDir", values["work-dir"]),
      ...defined("stateDir", values["state-dir"]),
      ...defined("tlsCaFile", values["tls-ca"]),
      ...defined("drainTimeoutMs", seconds("--drain-timeout", values["drain-timeout"])),
      ...defined("giveUpAfterMs", seconds("--give-up-after", values["give-up-after"])),
      ...defined("logFile", values["log-file"]),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: definitions, strict: true }).values;
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function labels(given: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 1) throw usage(`--label takes NAME=VALUE, not ${JSON.stringify(text)}`);
    labels[text.slice(0, at)] = text.slice(at + 1);
  }
  return labels;
}

function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}(\.\d{1,3})?$/.test(text)) return Number(text);
  throw usage(`${flag} takes a number, not ${JSON.stringify(text)}`);
}

/** In milliseconds. */
function seconds(flag: string, text: string | undefined): number | undefined {
  const given = number(flag, text);
  return given === undefined ? undefined : given * 1_000;
}

/** `{}` for undefined: an option that is not given keeps its default. */
function defined<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [K in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: Value };
}

function usage(message: string): AgentError {
  return new AgentError(message, exitCodes.usage);
}
