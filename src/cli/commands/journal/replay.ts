/** `troupe journal replay`: an entity's past, event by event, with the state after each. */
import {
  entityHistory,
  type HistoryEnd,
  type HistoryStep,
} from "../../../actors/persistence/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { UsageError } from "../../usage-error.ts";
import { eventText } from "./event-text.ts";
import { type SourceOptions, withSource } from "./journal-source.ts";
import { knownDefinitions } from "./known-definitions.ts";

export interface ReplayOptions extends SourceOptions {
  readonly to?: number;
  readonly at?: string;
  readonly module?: string;
  /** false: no states. */
  readonly state: boolean;
  readonly json?: boolean;
}

export async function replay(
  context: CliContext,
  persistenceId: string,
  options: ReplayOptions,
): Promise<number> {
  const toTimeMs = options.at === undefined ? undefined : timeOf(options.at);
  const name = persistenceId.slice(0, persistenceId.indexOf("/"));
  const definitions = await knownDefinitions(context, options.module);
  const model = definitions.find((definition) => definition.name === name)?.model;
  return withSource(context, options, async ({ journal }) => {
    const asked = {
      persistenceId,
      ...(options.to !== undefined && { toSequenceNumber: options.to }),
      ...(toTimeMs !== undefined && { toTimeMs }),
      ...(model && { model }),
    };
    const output = new ReplayOutput(context, options);
    const end = await entityHistory(journal, asked, (step) => output.step(step));
    if (end === undefined) throw unknownEntity(persistenceId);
    output.end(persistenceId, end);
    return exitCodes.ok;
  });
}

function timeOf(text: string): number {
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new UsageError(`--at wants a time such as 2026-01-31T12:00:00Z, got "${text}"`);
}

function unknownEntity(persistenceId: string): UsageError {
  const advice = persistenceId.includes("/")
    ? "troupe journal export shows those it has, as persistenceId"
    : 'a persistence id is the definition\'s name, a slash and the id, such as "pipeline-run/…"';
  return new UsageError(`the journal has no entity "${persistenceId}"; ${advice}`);
}

class ReplayOutput {
  readonly #context: CliContext;
  readonly #options: ReplayOptions;
  #shown = 0;

  constructor(context: CliContext, options: ReplayOptions) {
    this.#context = context;
    this.#options = options;
  }

  step({ event, after }: HistoryStep): void {
    this.#shown += 1;
    const { stdout, out } = this.#context;
    if (this.#options.json === true) {
      const shown = this.#options.state ? { event, ...after } : { event };
      stdout.write(`${JSON.stringify(shown)}\n`);
      return;
    }
    stdout.write(`${eventText(event)}\n`);
    if (!this.#options.state) return;
    if ("unknown" in after) {
      stdout.write(`  ${out.paint("dim", `no state: ${after.unknown}`)}\n`);
      return;
    }
    stdout.write(`  ${out.paint("cyan", "state")} ${JSON.stringify(after.state)}\n`);
    const timers = JSON.stringify(after.timers);
    if (timers !== "{}") stdout.write(`  ${out.paint("cyan", "timers")} ${timers}\n`);
  }

  /** On stderr, so that standard output is the history and nothing else. */
  end(persistenceId: string, { highestSequenceNumber, deleted, isCut }: HistoryEnd): void {
    const { stderr } = this.#context;
    if (isCut) stderr.write("older events have been cut away; the history starts where it can\n");
    const newest = deleted ? "and it is deleted" : "";
    const rest = `${this.#shown} shown; the newest event of ${persistenceId} is ${highestSequenceNumber} ${newest}`;
    stderr.write(`${rest.trimEnd()}\n`);
  }
}
