/**
 * A whole job engine on a memory journal, with scripted agents, under a manual clock: what a test
 * does to it are the verbs `kill`, `reopen`, `connect`, `silence`. The journal is all that survives.
 */

import { silentLogger } from "../../../src/actors/kernel/index.ts";
import type { Journal } from "../../../src/actors/persistence/index.ts";
import { memoryJournal } from "../../../src/actors/persistence/index.ts";
import {
  createJobEngine,
  type JobEngine,
  type JobEngineOptions,
  type RunView,
  type SecretSource,
} from "../../../src/actors/pipelines/index.ts";
import { createSystem, type System } from "../../../src/actors/system/index.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import {
  type AgentHello,
  type AgentLink,
  type AgentSession,
  type AttemptKey,
  type AttemptResult,
  attemptId,
  type CancelOrder,
  type FinishAnswer,
  type PreparedAttempt,
} from "../../../src/actors/workers/index.ts";

/** What an agent does with an attempt; undefined = it goes on until told otherwise. */
export type Script = (prepared: PreparedAttempt) => AttemptResult | undefined;

export const succeeded: AttemptResult = {
  outcome: "succeeded",
  exitCode: 0,
  outputs: {},
  reason: "",
};
export const failed: AttemptResult = {
  outcome: "failed",
  exitCode: 1,
  outputs: {},
  reason: "exit 1",
};

/** Stands for the process of an agent: outlives connections and servers, dies with `crash`. */
export class ScriptedAgent {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Every attempt that was ever started here, in order. */
  readonly starts: string[] = [];
  readonly cancels: { readonly id: string; readonly order: CancelOrder }[] = [];
  readonly answers = new Map<string, FinishAnswer>();
  readonly prepared = new Map<string, PreparedAttempt>();
  script: Script;
  bootId = 1;
  link: AgentLink | undefined;
  drained: string | undefined;
  /** What it holds: running, or finished and not acknowledged. */
  #dials = 0;
  readonly #holding = new Map<string, { prepared: PreparedAttempt; result?: AttemptResult }>();

  constructor(
    id: string,
    options: { slots?: number; labels?: Record<string, string>; script?: Script } = {},
  ) {
    this.id = id;
    this.slots = options.slots ?? 1;
    this.labels = options.labels ?? {};
    this.script = options.script ?? (() => succeeded);
  }

  get holding(): readonly AttemptKey[] {
    return Array.from(this.#holding.values(), ({ prepared }) => prepared.attempt);
  }

  async connect(engine: JobEngine): Promise<void> {
    let link: AgentLink | undefined;
    // Whatever comes through a session that is not the newest one goes to nobody.
    const current = (): boolean => link !== undefined && this.link === link;
    const session: AgentSession = {
      assign: (prepared) => current() && this.#assign(prepared),
      cancel: (attempt, order) => current() && this.#cancel(attempt, order),
      drain: (reason) => {
        if (current()) this.drained = reason;
      },
      close: () => {
        if (current()) this.link = undefined;
      },
    };
    const hello: AgentHello = {
      agentName: this.id,
      version: "1.0.0",
      bootId: `boot-${this.bootId}`,
      start: this.bootId,
      dial: ++this.#dials,
      labels: this.labels,
      slots: this.slots,
      holding: this.holding,
    };
    link = await engine.workers.connect(this.id, hello, session);
    this.link = link;
    for (const attempt of link.disowned) this.#holding.delete(attemptId(attempt));
    link.open();
    for (const { prepared, result } of this.#holding.values()) {
      this.#report(prepared.attempt, result);
    }
  }

  /** The connection breaks; what runs goes on. */
  disconnect(): void {
    const { link } = this;
    this.link = undefined;
    link?.closed("cut by the test");
  }

  /** The process dies, and all it runs. */
  crash(): void {
    this.disconnect();
    this.#holding.clear();
    this.bootId++;
  }

  finish(id: string, result: AttemptResult): void {
    const held = this.#holding.get(id);
    if (held === undefined || held.result !== undefined) return;
    held.result = result;
    this.#report(held.prepared.attempt, result);
  }

  #assign(prepared: PreparedAttempt): void {
    const id = attemptId(prepared.attempt);
    const known = this.#holding.get(id);
    if (known !== undefined) return this.#report(prepared.attempt, known.result);
    this.starts.push(id);
    this.prepared.set(id, prepared);
    const result = this.script(prepared);
    this.#holding.set(id, { prepared, ...(result === undefined ? {} : { result }) });
    return this.#report(prepared.attempt, result);
  }

  #cancel(attempt: AttemptKey, order: CancelOrder): void {
    const id = attemptId(attempt);
    this.cancels.push({ id, order });
    this.finish(id, { outcome: "cancelled", outputs: {}, reason: order.reason, signal: "SIGTERM" });
  }

  #report(attempt: AttemptKey, result: AttemptResult | undefined): void {
    const { link } = this;
    if (link === undefined) return;
    void link.started(attempt, 0).catch(() => {});
    if (result === undefined) return;
    const id = attemptId(attempt);
    link.finished(attempt, result).then(
      (answer) => {
        if (this.link !== link) return;
        this.answers.set(id, answer);
        this.#holding.delete(id);
      },
      // Not acknowledged: said again over the next connection.
      () => this.link === link && this.disconnect(),
    );
  }
}

/** A journal that outlives systems, and whose writers can be cut off as by a power switch. */
export class SurvivingJournal {
  readonly #store: Journal;
  appends = 0;

  constructor(store: Journal = memoryJournal({ shards: 8 })) {
    this.#store = store;
  }

  /** Does any record hold this text? */
  async contains(text: string): Promise<boolean> {
    const wanted = Buffer.from(text);
    for (let shard = 0; shard < this.#store.shards; shard++) {
      for (let from = 0; ; ) {
        const page = await this.#store.read(shard, from, 1_000_000);
        if (page.records.some(({ bytes }) => Buffer.from(bytes).includes(wanted))) return true;
        if (page.next === from) break;
        from = page.next;
      }
    }
    return false;
  }

  /** For one system: after `cut`, its writes neither arrive nor fail. */
  attach(): { journal: Journal; cut: () => void } {
    const store = this.#store;
    let isCut = false;
    const never = new Promise<never>(() => {});
    const guard = <T>(call: () => Promise<T>): Promise<T> => (isCut ? never : call());
    const journal: Journal = {
      journalId: store.journalId,
      shards: store.shards,
      recordBytesMax: store.recordBytesMax,
      tail: (shard) => guard(() => store.tail(shard)),
      append: (requests) =>
        guard(() => {
          this.appends++;
          return store.append(requests);
        }),
      read: (shard, from, bytesMax) => guard(() => store.read(shard, from, bytesMax)),
      readAt: (shard, position) => guard(() => store.readAt(shard, position)),
      cut: (shard, before) => guard(() => store.cut(shard, before)),
      close: async () => {},
    };
    return { journal, cut: () => (isCut = true) };
  }
}

export class Lab {
  readonly clock = new ManualClock();
  readonly journal: SurvivingJournal;
  readonly agents: ScriptedAgent[] = [];
  readonly #options: Partial<JobEngineOptions>;
  #server: { engine: JobEngine; system: System; cut: () => void } | undefined;

  constructor(options: Partial<JobEngineOptions>, store?: Journal) {
    this.#options = options;
    this.journal = new SurvivingJournal(store);
  }

  static async open(options: Partial<JobEngineOptions> = {}, store?: Journal): Promise<Lab> {
    const lab = new Lab(options, store);
    await lab.reopen();
    return lab;
  }

  get engine(): JobEngine {
    if (this.#server === undefined) throw new Error("the server is down");
    return this.#server.engine;
  }

  get system(): System {
    if (this.#server === undefined) throw new Error("the server is down");
    return this.#server.system;
  }

  async reopen(): Promise<void> {
    const { journal, cut } = this.journal.attach();
    const engine = createJobEngine({ secrets: noSecrets, clock: this.clock, ...this.#options });
    const starting = createSystem({
      name: "lab",
      journal,
      clock: this.clock,
      logger: this.#options.logger ?? silentLogger,
      definitions: engine.definitions,
    });
    // Claiming a shard may need time when the journal is in trouble.
    const system = await this.during(starting);
    engine.start(system);
    this.#server = { engine, system, cut };
  }

  /** The server's process dies: nothing is flushed, nobody is told; agents find their streams dead. */
  kill(): void {
    const server = this.#server;
    this.#server = undefined;
    server?.cut();
    for (const agent of this.agents) agent.link = undefined;
    server?.engine.stop();
    // Its timers live in the test's clock and must not be what the next server waits for.
    void server?.system.stop({ deadlineMs: 0 }).catch(() => {});
  }

  agent(id: string, options?: ConstructorParameters<typeof ScriptedAgent>[1]): ScriptedAgent {
    const agent = new ScriptedAgent(id, options);
    this.agents.push(agent);
    return agent;
  }

  async connect(
    id: string,
    options?: ConstructorParameters<typeof ScriptedAgent>[1],
  ): Promise<ScriptedAgent> {
    const agent = this.agent(id, options);
    await agent.connect(this.engine);
    return agent;
  }

  async view(runId: string): Promise<RunView> {
    const view = await this.during(this.engine.runs.view(runId));
    if (view === undefined) throw new Error(`no run ${runId}`);
    return view;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    let quiet = 0;
    let appends = this.journal.appends;
    while (quiet < 12) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = appends === this.journal.appends ? quiet + 1 : 0;
      appends = this.journal.appends;
    }
  }

  /** Lets time pass, in steps, with everything settled in between; connected agents send heartbeats. */
  async pass(ms: number, stepMs = 1_000): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
      await this.settle();
      for (const agent of this.agents) agent.link?.heartbeat();
      this.clock.advance(Math.min(stepMs, ms - passedMs));
    }
    await this.settle();
  }

  /** Waits for a promise, letting time pass where it needs that. */
  async during<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    const state = { done: false };
    const end = (): void => {
      state.done = true;
    };
    promise.then(end, end);
    for (let passedMs = 0; !state.done && passedMs < withinMs; passedMs += 100) {
      await this.settle();
      if (!state.done) await this.pass(100, 100);
    }
    return promise;
  }

  /** The run as it has ended; fails when it has not after `withinMs` of the lab's time. */
  async ended(runId: string, withinMs = 600_000): Promise<RunView> {
    for (let passedMs = 0; passedMs <= withinMs; passedMs += 1_000) {
      await this.settle();
      const view = await this.view(runId);
      if (view.summary.finishedAtMs !== undefined) return view;
      await this.pass(1_000);
    }
    throw new Error(`${runId} has not ended: ${JSON.stringify(await this.view(runId))}`);
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.engine.stop();
    if (server !== undefined) await this.during(server.system.stop({ deadlineMs: 0 }));
  }
}

const noSecrets: SecretSource = { resolve: async () => undefined };
