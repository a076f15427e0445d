/** One job of a pipeline that is being defined: from the builder's options to plain data. */
import { definitionDefaults as defaults } from "./definition-defaults.ts";
import type {
  CacheOptions,
  CheckoutOptions,
  ConcurrencyOptions,
  Job,
  JobOptions,
  VariableValue,
} from "./pipeline-builder.ts";
import type {
  CacheDefinition,
  CheckoutDefinition,
  ConcurrencyDefinition,
  JobDefinition,
  Submodules,
  Template,
} from "./pipeline-definition.ts";
import type { PipelineProblem } from "./problem.ts";
import { bindHoles, misplacedHoleText } from "./script-holes.ts";
import {
  expressionOf,
  isScript,
  isSecret,
  isText,
  plainExpression,
  type Secret,
  type ShellHole,
} from "./sh.ts";

type AnyOptions = JobOptions<string, boolean>;
type Variables = Readonly<Record<string, Template>>;

export class JobBuilder {
  readonly definitions: JobDefinition[] = [];
  /** What only the builder can see; the rest is found by the common rules. */
  readonly problems: PipelineProblem[] = [];
  readonly #sharedEnv: Variables;
  readonly #own = new WeakSet<object>();

  constructor(sharedEnv: Variables) {
    this.#sharedEnv = sharedEnv;
  }

  add<O extends string, F extends boolean>(name: string, options: JobOptions<O, F>): Job<O, F> {
    const index = this.definitions.length;
    this.#checkNeeds(name, options.needs ?? [], index);
    const { script, env, secrets } = this.#bind(name, options, index);
    const { outputs = [], timeoutMs, workingDirectory, limits, description } = options;
    const { concurrency, onDisconnect, artifacts, stdin, checkout, cache } = options;
    this.definitions.push({
      name,
      needs: (options.needs ?? []).map((need) => need?.name ?? ""),
      finally: options.finally ?? false,
      shell: options.shell ?? defaults.shell,
      script,
      env,
      secrets,
      outputs: [...outputs],
      labels: { ...options.labels },
      killGraceMs: options.killGraceMs ?? defaults.killGraceMs,
      retry: { ...defaults.retry, ...options.retry },
      continueOnError: options.continueOnError ?? defaults.continueOnError,
      priority: options.priority ?? defaults.priority,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(workingDirectory === undefined ? {} : { workingDirectory }),
      ...(checkout === undefined ? {} : { checkout: checkoutOf(checkout) }),
      ...(cache === undefined ? {} : { caches: cachesOf(cache) }),
      ...(artifacts === undefined ? {} : { artifacts: [...artifacts] }),
      ...(stdin === undefined ? {} : { stdin: variable(stdin) }),
      ...(limits === undefined ? {} : { limits: { ...limits } }),
      ...(description === undefined ? {} : { description }),
      ...(concurrency === undefined ? {} : { concurrency: concurrencyOf(concurrency) }),
      ...(onDisconnect === undefined ? {} : { onDisconnect }),
    });
    const job = {
      name,
      outputs: Object.fromEntries(
        outputs.map((output) => [output, expressionOf({ ref: "output", job: name, name: output })]),
      ),
      conclusion: expressionOf({ ref: "conclusion", job: name }),
    };
    this.#own.add(job);
    return Object.freeze(job) as unknown as Job<O, F>;
  }

  /** TypeScript catches most of it; JavaScript and jobs of another pipeline come here. */
  #checkNeeds(name: string, needs: readonly unknown[], index: number): void {
    needs.forEach((need, at) => {
      if (typeof need === "object" && need !== null && this.#own.has(need)) return;
      const received =
        typeof need === "object" && need !== null && "name" in need
          ? `the job "${String(need.name)}" of another pipeline`
          : typeof need === "string"
            ? `the text "${need}"`
            : String(need);
      this.problems.push({
        code: "bad-need",
        path: ["jobs", index, "needs", at],
        message: `job "${name}" needs something that is not a job of this pipeline`,
        expected: "what pipeline.job(…) of this pipeline has returned",
        received,
        advice: "define the job first, and name its variable",
      });
    });
  }

  #bind(name: string, options: AnyOptions | JobOptions<string, never>, index: number) {
    const env: Record<string, Template> = { ...this.#sharedEnv };
    const secrets: Record<string, string> = {};
    for (const [key, value] of Object.entries(options.env ?? {})) put(key, value);
    function put(key: string, value: VariableValue | Secret | Template): void {
      delete env[key];
      if (isSecret(value)) secrets[key] = value.secret;
      else env[key] = isTemplate(value) ? value : variable(value);
    }
    if (!isScript(options.run)) return { script: options.run, env, secrets };
    const shell = options.shell ?? defaults.shell;
    const holes = options.run.parts.filter((part) => typeof part !== "string");
    if (shell !== "sh" && shell !== "bash" && holes.length > 0) {
      this.problems.push(holesElsewhere(name, shell, index));
    }
    const bound = bindHoles<ShellHole>(options.run.parts, {
      shell: shell === "bash" ? "bash" : "sh",
      taken: new Set([...Object.keys(env), ...Object.keys(secrets)]),
    });
    for (const { hole, why } of bound.misplaced) {
      this.problems.push({
        code: "bad-expression",
        path: ["jobs", index, "script"],
        message: `in the script of "${name}", ${misplacedHoleText[why].message}`,
        expected: "a hole where the shell expands variables",
        received: hole.key,
        advice: misplacedHoleText[why].advice,
      });
    }
    for (const [key, hole] of bound.variables) put(key, hole.value);
    return { script: bound.script, env, secrets };
  }
}

function holesElsewhere(name: string, shell: string, index: number): PipelineProblem {
  return {
    code: "bad-expression",
    path: ["jobs", index, "script"],
    message: `the script of "${name}" is for ${shell} and cannot have holes, because values could become code`,
    expected: "a fixed text",
    received: "sh with values in it",
    advice: "pass the values by env: and read the variables in the script",
  };
}

/** A value as a template. */
export function variable(value: VariableValue): Template {
  if (isText(value)) return value.template;
  return typeof value === "object" ? [plainExpression(value)] : [String(value)];
}

export function concurrencyOf(options: ConcurrencyOptions): ConcurrencyDefinition {
  if (typeof options === "string" || isText(options)) {
    return { group: variable(options), cancelInProgress: false };
  }
  const { group, cancelInProgress = false } = options;
  return { group: variable(group), cancelInProgress };
}

function cachesOf(caches: CacheOptions | readonly CacheOptions[]): readonly CacheDefinition[] {
  const all = "key" in caches ? [caches] : caches;
  return all.map(({ key, restoreKeys = [], paths }) => ({
    key: variable(key),
    restoreKeys: restoreKeys.map(variable),
    paths: [...paths],
  }));
}

function checkoutOf(options: CheckoutOptions): CheckoutDefinition {
  if (typeof options === "string" || isText(options)) {
    return { ...defaults.checkout, repository: variable(options) };
  }
  const { repository, ref, depth, submodules, path, token, username } = options;
  return {
    repository: variable(repository),
    ...(ref === undefined ? {} : { ref: variable(ref) }),
    depth: depth ?? defaults.checkout.depth,
    submodules: submodules === undefined ? defaults.checkout.submodules : submodulesOf(submodules),
    ...(path === undefined ? {} : { path }),
    ...(username === undefined ? {} : { username }),
    ...(token === undefined ? {} : { token: token.secret }),
  };
}

export function submodulesOf(value: boolean | "recursive"): Submodules {
  if (value === "recursive") return value;
  return value ? "direct" : "none";
}

export function variables(values: Readonly<Record<string, VariableValue>>): Variables {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, variable(value)]));
}

function isTemplate(value: unknown): value is Template {
  return Array.isArray(value);
}
