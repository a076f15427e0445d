/** One job of a file. */
import { isMap, isScalar } from "yaml";
import { definitionDefaults as defaults } from "../definition-defaults.ts";
import type { JobDefinition, RetryPolicy, Template } from "../pipeline-definition.ts";
import type { ProblemPath } from "../problem.ts";
import { jobHints } from "./foreign-keys.ts";
import { readCaches } from "./read-caches.ts";
import { readCheckout } from "./read-checkout.ts";
import { readConcurrency } from "./read-concurrency.ts";
import { readLimits } from "./read-limits.ts";
import { readScript, readTemplate } from "./read-template.ts";
import type { Entry, Fields, Spot, YamlReader } from "./yaml-reader.ts";

const keys = [
  "needs",
  "run",
  "shell",
  "env",
  "secrets",
  "outputs",
  "labels",
  "runs-on",
  "timeout",
  "retry",
  "continue-on-error",
  "finally",
  "priority",
  "working-directory",
  "kill-grace",
  "limits",
  "checkout",
  "cache",
  "artifacts",
  "stdin",
  "description",
  "concurrency",
  "on-disconnect",
] as const;

const disconnects = ["kill", "continue"] as const;
const shells = ["sh", "bash", "python", "node"] as const;

type JobFields = Fields<(typeof keys)[number]>;

/** Reads what can be read; what cannot is a problem, and has its default. */
export function readJob(
  reader: YamlReader,
  entry: Entry,
  at: { readonly index: number; readonly pipelineEnv: Readonly<Record<string, Template>> },
): JobDefinition {
  const path: ProblemPath = ["jobs", at.index];
  reader.note(path, entry.key);
  const fields: JobFields =
    reader.fields(entry.value, "a map with at least run:", { keys, hints: jobHints }) ?? {};
  const shell =
    fields.shell === undefined
      ? defaults.shell
      : (reader.choice(fields.shell.value, shells, "a shell") ?? defaults.shell);
  const ownEnv = readEnv(reader, fields.env, [...path, "env"]);
  const secrets = readSecrets(reader, fields.secrets, path);
  const env = { ...at.pipelineEnv, ...ownEnv };
  // What the job keeps secret it does not also get from the pipeline's env.
  for (const name of Object.keys(secrets)) if (!Object.hasOwn(ownEnv, name)) delete env[name];
  for (const name of Object.keys(env)) {
    if (!Object.hasOwn(ownEnv, name)) reader.origins.share([...path, "env", name], ["env", name]);
  }
  const taken = new Set([...Object.keys(env), ...Object.keys(secrets)]);
  const script = readRun(reader, entry, fields.run, { shell, definitionPath: path, taken });
  return {
    name: entry.name,
    needs: readNames(reader, fields.needs, [...path, "needs"], "a job's name, or a list of them"),
    finally: flag(reader, fields.finally),
    shell,
    script: script?.script ?? "true",
    env: { ...env, ...script?.env },
    secrets,
    outputs: readOutputNames(reader, fields.outputs, path),
    labels: readLabels(reader, fields, path),
    retry: readRetry(reader, fields.retry, [...path, "retry"]),
    continueOnError: flag(reader, fields["continue-on-error"]),
    killGraceMs:
      duration(reader, fields["kill-grace"], [...path, "killGraceMs"]) ?? defaults.killGraceMs,
    priority: number(reader, fields.priority, [...path, "priority"]) ?? defaults.priority,
    ...optional("timeoutMs", duration(reader, fields.timeout, [...path, "timeoutMs"])),
    ...optional("workingDirectory", plain(reader, fields["working-directory"])),
    ...optional("checkout", readCheckout(reader, fields.checkout, [...path, "checkout"])),
    ...optional("caches", readCaches(reader, fields.cache, [...path, "caches"])),
    ...optional("artifacts", readArtifacts(reader, fields.artifacts, [...path, "artifacts"])),
    ...optional("stdin", readStdin(reader, fields.stdin, [...path, "stdin"])),
    ...optional("limits", readLimits(reader, fields.limits, [...path, "limits"])),
    ...optional("description", plain(reader, fields.description)),
    ...optional(
      "concurrency",
      readConcurrency(reader, fields.concurrency, [...path, "concurrency"]),
    ),
    ...optional("onDisconnect", readOnDisconnect(reader, fields["on-disconnect"])),
  };
}

function readOnDisconnect(
  reader: YamlReader,
  entry: Entry | undefined,
): (typeof disconnects)[number] | undefined {
  if (entry === undefined) return undefined;
  return reader.choice(entry.value, disconnects, "what becomes of the job");
}

function readRun(
  reader: YamlReader,
  entry: Entry,
  run: Entry | undefined,
  job: Parameters<typeof readScript>[2],
): ReturnType<typeof readScript> {
  if (run !== undefined) {
    reader.note([...job.definitionPath, "script"], run.value);
    return readScript(reader, run.value, job);
  }
  // A job that is no map at all has had its problem.
  if (!isMap(entry.value.node)) return undefined;
  return reader.fault(entry.key, {
    code: "missing-key",
    message: `job "${entry.name}" has nothing to run`,
    expected: "run: with the commands of the job",
    received: "a job without run:",
    advice: "add run:, for example run: npm test",
  });
}

/** Variables; each value is a template. Also those of the whole pipeline. */
export function readEnv(
  reader: YamlReader,
  env: Entry | undefined,
  path: ProblemPath,
): Record<string, Template> {
  if (env === undefined) return {};
  const entries = reader.entries(env.value, "a map of variables and their values") ?? [];
  return Object.fromEntries(
    entries.map(({ name, key, value }) => {
      reader.note([...path, name], key);
      return [name, readTemplate(reader, value, [...path, name]) ?? []];
    }),
  );
}

/** `[NAME]`, or a map of variables to names of secrets. */
function readSecrets(
  reader: YamlReader,
  secrets: Entry | undefined,
  path: ProblemPath,
): Record<string, string> {
  if (secrets === undefined) return {};
  const what = "a list of names, or a map of variables to names of secrets";
  const at = [...path, "secrets"];
  if (!isMap(secrets.value.node)) {
    const names = reader.texts(secrets.value, what);
    for (const { text, spot } of names) reader.note([...at, text], spot);
    return Object.fromEntries(names.map(({ text }) => [text, text]));
  }
  const entries = reader.entries(secrets.value, what) ?? [];
  return Object.fromEntries(
    entries.flatMap(({ name, key, value }) => {
      reader.note([...at, name], key);
      const secret = reader.plainText(value, "the name of a secret");
      return secret === undefined ? [] : [[name, secret]];
    }),
  );
}

function readNames(
  reader: YamlReader,
  names: Entry | undefined,
  path: ProblemPath,
  what: string,
): string[] {
  if (names === undefined) return [];
  return reader.texts(names.value, what).map(({ text, spot }, position) => {
    reader.note([...path, position], spot);
    return text;
  });
}

function readArtifacts(
  reader: YamlReader,
  artifacts: Entry | undefined,
  path: ProblemPath,
): string[] | undefined {
  if (artifacts === undefined) return undefined;
  return readNames(reader, artifacts, path, "a file or folder, or a list of them");
}

function readStdin(
  reader: YamlReader,
  stdin: Entry | undefined,
  path: ProblemPath,
): Template | undefined {
  if (stdin === undefined) return undefined;
  reader.note(path, stdin.value);
  return readTemplate(reader, stdin.value, path);
}

function readOutputNames(
  reader: YamlReader,
  outputs: Entry | undefined,
  path: ProblemPath,
): string[] {
  if (outputs !== undefined && isMap(outputs.value.node)) {
    return (
      reader.wrongType(
        outputs.value,
        "a list of names",
        'list the names; the script gives the values: echo "name=value" >> "$TROUPE_OUTPUT"',
      ) ?? []
    );
  }
  return readNames(reader, outputs, [...path, "outputs"], "a name, or a list of names");
}

/** A map, or GitHub's `runs-on` as `os=linux` or a list of such. */
function readLabels(
  reader: YamlReader,
  fields: JobFields,
  path: ProblemPath,
): Record<string, string> {
  const labels = fields.labels ?? fields["runs-on"];
  if (labels === undefined) return {};
  if (fields.labels !== undefined && fields["runs-on"] !== undefined) {
    reader.fault(fields["runs-on"].key, {
      code: "duplicate",
      message: "labels and runs-on mean the same",
      expected: "one of them",
      received: "both",
      advice: "remove runs-on",
    });
  }
  const what = "a map such as { os: linux }, or a list such as [os=linux]";
  const at = [...path, "labels"];
  const read = isMap(labels.value.node)
    ? (reader.entries(labels.value, what) ?? []).map(({ name, key, value }) => {
        return { name, value: reader.plainText(value), spot: key };
      })
    : reader.texts(labels.value, what).map(({ text, spot }) => readPair(reader, text, spot));
  return Object.fromEntries(
    read.flatMap(({ name, value, spot }) => {
      reader.note([...at, name], spot);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function readPair(reader: YamlReader, text: string, spot: Spot) {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return { name, value, spot };
  reader.fault(spot, {
    code: "bad-value",
    message: `"${text}" is not a label`,
    expected: "name=value, such as os=linux",
    received: `"${text}"`,
    advice: "write the label's name, = and its value; troupe workers shows the labels there are",
  });
  return { name: text, value: undefined, spot };
}

const retryKeys = ["attempts", "delay", "factor", "max-delay"] as const;

/** A number of retries, or a map. */
function readRetry(reader: YamlReader, retry: Entry | undefined, path: ProblemPath): RetryPolicy {
  if (retry === undefined) return defaults.retry;
  reader.note(path, retry.value);
  const { node } = retry.value;
  if (isScalar(node) && typeof node.value === "number") {
    return { ...defaults.retry, attemptsMax: node.value + 1 };
  }
  const what = "how many times to try again, or a map with attempts:";
  const fields = reader.fields(retry.value, what, { keys: retryKeys });
  if (fields === undefined) return defaults.retry;
  if (fields.attempts === undefined) {
    reader.fault(retry.key, {
      code: "missing-key",
      message: "the retry does not say how often",
      expected: "attempts: with the number of attempts in all",
      received: "a retry without attempts:",
      advice: "add attempts: 3",
    });
  }
  return {
    attemptsMax: number(reader, fields.attempts, [...path, "attemptsMax"]) ?? 1,
    initialDelayMs:
      duration(reader, fields.delay, [...path, "initialDelayMs"]) ?? defaults.retry.initialDelayMs,
    factor: number(reader, fields.factor, [...path, "factor"]) ?? defaults.retry.factor,
    delayMaxMs:
      duration(reader, fields["max-delay"], [...path, "delayMaxMs"]) ?? defaults.retry.delayMaxMs,
  };
}

export function duration(
  reader: YamlReader,
  entry: Entry | undefined,
  path: ProblemPath,
): number | undefined {
  if (entry === undefined) return undefined;
  reader.note(path, entry.value);
  return reader.duration(entry.value);
}

export function number(
  reader: YamlReader,
  entry: Entry | undefined,
  path: ProblemPath,
): number | undefined {
  if (entry === undefined) return undefined;
  reader.note(path, entry.value);
  return reader.number(entry.value);
}

export function flag(reader: YamlReader, entry: Entry | undefined): boolean {
  return entry !== undefined && (reader.truth(entry.value) ?? false);
}

function plain(reader: YamlReader, entry: Entry | undefined): string | undefined {
  return entry === undefined ? undefined : reader.plainText(entry.value);
}

export function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}
