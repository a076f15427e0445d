/**
 * Brings the job's sources before its script begins: git, run like a job of its own, with its tree, its limits, and its
 * words in the job's log.
 *
 *   K1. What the network breaks is tried again from nothing; what trying again does not change ends it at once.
 *   K2. Its token reaches git alone: see `checkout-script.ts`. In the log it is masked all the same.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Assignment, type Checkout, Submodules } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import { type CheckoutOrder, CheckoutRefused, checkoutOrder } from "./checkout-order.ts";
import { type CheckoutProblem, checkoutProblem } from "./checkout-problem.ts";
import { checkoutScript } from "./checkout-script.ts";
import { wait } from "./clock.ts";
import { durationText } from "./duration-text.ts";
import type { Environment } from "./job-environment.ts";
import { readJobFile } from "./job-file.ts";
import type { JobLog } from "./job-log.ts";
import type { JobProcess } from "./job-process.ts";
import type { JobStop } from "./job-stop.ts";
import { launchFile } from "./launch-file.ts";
import { agentLimits } from "./limits.ts";
import type { ExecutorContext } from "./process-executor.ts";
import { findProgram } from "./shells.ts";

export interface CheckoutOptions {
  readonly checkout: Checkout;
  readonly assignment: Assignment;
  readonly folder: AttemptFolder;
  readonly context: Pick<ExecutorContext, "clock" | "environment">;
  readonly stop: JobStop;
  readonly log: JobLog;
  /** The value of TROUPE_ATTEMPT_ID. */
  readonly mark: string;
  /** Starts a process of the job by a launch file of the attempt's folder; what it prints goes into `log`. */
  readonly launch: (launchFile: string, input: string | undefined) => Promise<JobProcess>;
}

/** The job cannot have its sources: a sentence for its author. */
export class CheckoutFailed extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 0) {
    super(message);
    this.exitCode = exitCode;
  }
}

const scriptName = "checkout.sh";
const launchName = "checkout-launch.sh";
const commitName = "commit";
const defaultUsername = "x-access-token";

/** Resolves to the commit's id. Throws `CheckoutFailed`; when the job is stopped meanwhile, whatever it is then. */
export async function checkOut(options: CheckoutOptions): Promise<string> {
  const { checkout, folder, log, stop, context } = options;
  const order = orderOf(checkout);
  const target = join(folder.workspace, checkout.path);
  const name = `${order.repository} at ${order.ref}`;
  log.remark(`checkout of ${name}`);
  folder.add([{ name: scriptName, text: checkoutScript }, launchOf(options, order, target)]);
  for (let tries = 1; ; tries++) {
    await emptied(target);
    const { commit, problem, exitCode } = await runGit(options, order);
    if (commit !== undefined) {
      log.remark(`checked out ${commit}`);
      return commit;
    }
    const text = `the checkout of ${name} failed: ${problem.text}`;
    const isLast = !problem.isPassing || tries >= agentLimits.checkoutTriesMax;
    if (isLast || stop.stop !== undefined) throw new CheckoutFailed(text, exitCode);
    const pauseMs = agentLimits.checkoutRetryMs * 2 ** (tries - 1);
    log.remark(`${text}; it is tried again in ${durationText(pauseMs)}`);
    await Promise.race([wait(context.clock, pauseMs), stop.requested]);
    if (stop.stop !== undefined) throw new CheckoutFailed(text, exitCode);
  }
}

function orderOf(checkout: Checkout): CheckoutOrder {
  try {
    return checkoutOrder(checkout);
  } catch (error) {
    if (!(error instanceof CheckoutRefused)) throw error;
    throw new CheckoutFailed(`nothing can be checked out: ${error.message}`);
  }
}

interface GitEnd {
  readonly commit: string | undefined;
  readonly problem: CheckoutProblem;
  readonly exitCode: number;
}

async function runGit(options: CheckoutOptions, order: CheckoutOrder): Promise<GitEnd> {
  const { checkout, folder, context, stop, log, launch } = options;
  const said = new Tail();
  log.setListener((bytes) => said.push(bytes));
  const input =
    order.tokenFor === undefined
      ? undefined
      : `${checkout.username || defaultUsername}\n${checkout.token}\n`;
  const process = await launch(launchName, input);
  let isLate = false;
  const timer = context.clock.setTimer(agentLimits.checkoutMs, () => {
    isLate = true;
    void process.tree.killAll();
  });
  const { code } = await process.exited;
  timer.cancel();
  await process.cleared(stop);
  process.removeCgroup();
  log.flush();
  log.setListener(undefined);
  if (code === 0) {
    const { text } = await readJobFile(folder.file(commitName), 100);
    if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)) {
      return { commit: text, problem: { text: "", isPassing: false }, exitCode: 0 };
    }
  }
  const late = {
    text: `it took longer than ${durationText(agentLimits.checkoutMs)}`,
    isPassing: true,
  };
  const named = { ref: order.ref, tokenName: checkout.tokenName };
  const problem = isLate ? late : checkoutProblem(said.text(), named);
  return { commit: undefined, problem, exitCode: code ?? 0 };
}

function launchOf(
  { checkout, assignment, folder, context, mark }: CheckoutOptions,
  order: CheckoutOrder,
  workingDirectory: string,
) {
  const path = context.environment["PATH"] ?? "";
  for (const program of ["git", "sh"]) {
    if (findProgram([program], path) !== undefined) continue;
    throw new CheckoutFailed(
      `nothing can be checked out: ${program} was not found in PATH (${path}): install it on this agent`,
    );
  }
  return launchFile({
    name: launchName,
    program: findProgram(["sh"], path) ?? "sh",
    script: folder.file(scriptName),
    workingDirectory,
    hasInput: order.tokenFor !== undefined,
    path,
    environment: {
      ...proxies(assignment.env),
      PATH: path,
      HOME: context.environment["HOME"] ?? folder.path,
      TMPDIR: folder.temporary,
      LC_ALL: "C",
      GIT_TERMINAL_PROMPT: "0",
      GIT_ASKPASS: "",
      SSH_ASKPASS: "",
      GIT_ALLOW_PROTOCOL: "http:https:ssh:git",
      GIT_LFS_SKIP_SMUDGE: "1",
      TROUPE_ATTEMPT_ID: mark,
      TROUPE_GIT_REPOSITORY: order.repository,
      TROUPE_GIT_REF: order.ref,
      TROUPE_GIT_IS_COMMIT: order.isCommit ? "1" : "",
      TROUPE_GIT_DEPTH: String(checkout.depth),
      TROUPE_GIT_SUBMODULES: submodules[checkout.submodules] ?? "",
      TROUPE_GIT_TOKEN_FOR: order.tokenFor ?? "",
      TROUPE_GIT_COMMIT_FILE: folder.file(commitName),
    },
  });
}

const submodules: Readonly<Record<number, string>> = {
  [Submodules.DIRECT]: "direct",
  [Submodules.RECURSIVE]: "recursive",
};

/** As the job's author has set them for the script. */
function proxies(env: Readonly<Record<string, string>>): Environment {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => /^(https?|all|no)_proxy$/i.test(name)),
  );
}

/** What an earlier try has left is of no use: git cannot go on with half a pack. */
async function emptied(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The end of what was said. */
class Tail {
  #bytes = Buffer.alloc(0);

  push(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#bytes, bytes]);
    this.#bytes = all.subarray(Math.max(0, all.length - agentLimits.checkoutTailBytes));
  }

  text(): string {
    return this.#bytes.toString("utf8");
  }
}
