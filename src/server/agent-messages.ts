/** Between the wire's messages and the workers' own words. Pure; what does not fit is named. */
import {
  AgentFact,
  type Assignment,
  type AttemptRef,
  type Cache,
  type CacheKey,
  type CacheKeyPart,
  type Checkout,
  type Hello,
  type JobResult,
  OnDisconnect,
  Outcome,
  type StoredFile,
  Submodules,
} from "../../proto/troupe/agent/v1/agent.ts";
import { limits } from "../actors/kernel/index.ts";
import type {
  AgentHello,
  AttemptKey,
  AttemptOutcome,
  AttemptResult,
  PreparedAttempt,
  PreparedCache,
  PreparedCacheKey,
  PreparedCheckout,
} from "../actors/workers/index.ts";

/** The one version of the protocol that this server speaks. */
export const protocolVersion = 1;

const textMax = limits.agentTextCharactersMax;

/** An attempt as the workers know it; undefined when the message names none. */
export function attemptOf(ref: AttemptRef | undefined): AttemptKey | undefined {
  if (ref === undefined || ref.runId === "" || ref.job === "" || ref.attempt < 1) return undefined;
  return { runId: ref.runId, job: ref.job, attempt: ref.attempt };
}

/** What an agent is known by since its enrolment. */
export interface KnownAgent {
  readonly agentName: string;
  /** Bound to it by its token: they win over what the agent says of itself. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Why labels, or a name, cannot be taken; undefined = they can. */
export function labelProblem(labels: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(labels);
  if (entries.length > limits.agentLabelsMax) {
    return `expected at most ${limits.agentLabelsMax} labels, got ${entries.length}`;
  }
  const long = entries.find(([name, value]) => name.length > textMax || value.length > textMax);
  if (long !== undefined) {
    return `expected names and values of labels up to ${textMax} characters; "${long[0].slice(0, 40)}" is longer`;
  }
  return entries.some(([name]) => name === "") ? "a label has an empty name" : undefined;
}

/** The hello in the workers' words, or why the session cannot be. */
export function helloOf(
  hello: Hello,
  known: KnownAgent,
): { readonly hello: AgentHello } | { readonly problem: string } {
  const slots = hello.capabilities?.slots ?? 0;
  if (hello.bootId === "" || hello.bootId.length > textMax) {
    return { problem: `expected a boot_id of 1 to ${textMax} characters` };
  }
  if (slots < 1 || slots > limits.agentSlotsMax) {
    return { problem: `expected 1 to ${limits.agentSlotsMax} slots, got ${slots}` };
  }
  if (hello.holding.length > limits.agentHoldingMax) {
    return { problem: `expected at most ${limits.agentHoldingMax} attempts in holding` };
  }
  const holding = hello.holding.map(attemptOf);
  if (!holding.every((attempt) => attempt !== undefined)) {
    return { problem: "an attempt in holding has no run, no job or no number" };
  }
  const labels = { ...machineLabels(hello), ...hello.labels, ...known.labels };
  const problem = labelProblem(labels);
  if (problem !== undefined) return { problem };
  const agentName = known.agentName === "" ? hello.agentName.slice(0, textMax) : known.agentName;
  const version = hello.version.slice(0, textMax);
  const { bootId, start, dial } = hello;
  return { hello: { agentName, version, bootId, start, dial, labels, slots, holding } };
}

const enforceable = ["memory", "cpus", "processes"];

/** What every agent can be chosen by without having been given a label. */
function machineLabels({ capabilities }: Hello): Record<string, string> {
  const { os = "", arch = "", enforces = [] } = capabilities ?? {};
  const enforced = enforceable.every((limit) => enforces.includes(limit));
  return {
    ...(os === "" ? {} : { os }),
    ...(arch === "" ? {} : { arch }),
    ...(enforced ? { limits: "enforced" } : {}),
  };
}

export function assignmentOf(prepared: PreparedAttempt): Assignment {
  return {
    attempt: { ...prepared.attempt },
    pipeline: prepared.pipeline,
    script: prepared.script,
    shell: prepared.shell,
    env: { ...prepared.env },
    secrets: { ...prepared.secrets },
    outputs: [...prepared.outputs],
    timeoutMs: prepared.timeoutMs ?? 0,
    killGraceMs: prepared.killGraceMs,
    workingDirectory: prepared.workingDirectory ?? "",
    traceparent: prepared.traceparent ?? "",
    inputs: (prepared.inputs ?? []).map((archive) => ({ ...archive })),
    artifacts: [...(prepared.artifacts ?? [])],
    stdin: prepared.stdin ?? "",
    limits: { memoryBytes: 0, cpus: 0, processes: 0, logBytes: 0, ...prepared.limits },
    checkout: prepared.checkout === undefined ? undefined : checkoutOf(prepared.checkout),
    caches: (prepared.caches ?? []).map(cacheOf),
    onDisconnect: prepared.onDisconnect === "kill" ? OnDisconnect.KILL : OnDisconnect.CONTINUE,
  };
}

const submodules = {
  none: Submodules.UNSPECIFIED,
  direct: Submodules.DIRECT,
  recursive: Submodules.RECURSIVE,
} as const;

function checkoutOf({ token, ...checkout }: PreparedCheckout): Checkout {
  return {
    ...checkout,
    submodules: submodules[checkout.submodules],
    path: checkout.path ?? "",
    username: checkout.username ?? "",
    token: token?.value ?? "",
    tokenName: token?.name ?? "",
  };
}

function cacheOf({ key, restoreKeys, paths }: PreparedCache): Cache {
  return { key: keyOf(key), restoreKeys: restoreKeys.map(keyOf), paths: [...paths] };
}

const agentFacts = { os: AgentFact.OS, arch: AgentFact.ARCH } as const;

function keyOf(key: PreparedCacheKey): CacheKey {
  const parts = key.map((part): CacheKeyPart => {
    if (typeof part === "string") return { part: { $case: "text", value: part } };
    if ("agent" in part) return { part: { $case: "agent", value: agentFacts[part.agent] } };
    return { part: { $case: "hashFiles", value: { patterns: [...part.hashFiles] } } };
  });
  return { parts };
}

/** Only what can be the name of stored content. */
function storedAs<Name extends "artifacts" | "summary">(
  name: Name,
  file: StoredFile | undefined,
): Pick<AttemptResult, Name> {
  if (file === undefined || !/^[0-9a-f]{64}$/.test(file.sha256))
    return {} as Pick<AttemptResult, Name>;
  return { [name]: { sha256: file.sha256, bytes: file.bytes } } as Pick<AttemptResult, Name>;
}

const outcomes: Readonly<Record<number, AttemptOutcome>> = {
  [Outcome.SUCCEEDED]: "succeeded",
  [Outcome.FAILED]: "failed",
  [Outcome.TIMED_OUT]: "timed-out",
  [Outcome.CANCELLED]: "cancelled",
  [Outcome.ERROR]: "error",
  [Outcome.DECLINED]: "declined",
};

/** An outcome that this server does not know is a failure that says so, never a success. */
export function resultOf(result: JobResult): AttemptResult {
  const outcome = outcomes[result.outcome] ?? "error";
  const unknown = outcomes[result.outcome] === undefined;
  const ran = result.startedAtMs > 0;
  return {
    outcome,
    ...(ran ? { exitCode: result.exitCode } : {}),
    ...(result.signal === "" ? {} : { signal: result.signal }),
    outputs: { ...result.outputs },
    reason: unknown ? `The agent reported an unknown outcome (${result.outcome}).` : result.reason,
    ...(ran ? { startedAtMs: result.startedAtMs, durationMs: result.durationMs } : {}),
    ...(result.usage === undefined ? {} : { usage: { ...result.usage } }),
    ...storedAs("artifacts", result.artifacts),
    ...storedAs("summary", result.summary),
    ...(/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(result.commit) ? { commit: result.commit } : {}),
  };
}
