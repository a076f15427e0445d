/**
 * Random runs of a whole actor system from a seed, and the rules that every run must keep.
 *
 * Each run spawns a small random tree, sends it told and asked messages whose handlers wait,
 * throw, stash, spawn and stop at random, stops parts of it with random deadlines, and ends with
 * the stop of everything. What happened is recorded by the actors themselves and then judged.
 */
import {
  type ActorContext,
  defineActor,
  type Handle,
  isTroupeError,
  type Random,
  type Stashed,
  type Supervision,
} from "../../../src/actors/kernel/index.ts";
import { createTestKernel, type TestKernel } from "../../../src/actors/testing/index.ts";

class Soft extends Error {}
class Hard extends Error {}
class Upward extends Error {}

interface Plan {
  readonly id: number;
  readonly sender: number;
  readonly waitMs: number;
  readonly end: "reply" | "reject" | "soft" | "hard" | "upward" | "stash" | "stop" | "never";
}

interface Sent {
  readonly plan: Plan;
  readonly to: string;
  readonly asked: boolean;
  readonly at: number;
}

interface Running {
  readonly context: ActorContext<LifeState>;
  readonly id: number;
}

interface LifeState {
  readonly path: string;
  stashed: Set<number>;
}

/** Everything that a run left behind. */
export interface Run {
  readonly seed: number;
  readonly violations: string[];
  readonly messages: number;
  readonly restarts: number;
  readonly revoked: number;
}

const restartsMax = 2;
const withinMs = 1_000;

function policy(random: Random): Supervision {
  const backoff = random.next() < 0.3 ? { backoff: { minMs: 5, maxMs: 50 } } : {};
  return {
    rules: [
      { on: Soft, action: "resume" },
      { on: Upward, action: "escalate" },
    ],
    otherwise:
      random.next() < 0.2
        ? { action: "stop" }
        : { action: "restart", restartsMax, withinMs, ...backoff },
  };
}

class ScheduleRun {
  readonly kit: TestKernel;
  readonly #random: Random;
  readonly #seed: number;
  readonly #violations: string[] = [];
  readonly #sent = new Map<number, Sent>();
  readonly #handled = new Map<number, number>();
  readonly #running = new Map<string, Running>();
  readonly #lastBegun = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #restartsAt = new Map<string, number[]>();
  readonly #asks = new Map<number, string>();
  readonly #handles: Worker[] = [];
  readonly #refused = new Set<number>();
  #watching = 0;
  #terminated = 0;
  #restarts = 0;
  #nextId = 0;
  #deadBefore = 0;

  constructor(seed: number) {
    this.#seed = seed;
    const observer = {
      // A new actor of an old name has no past: its parent may have been started again.
      actorStopped: ({ path }: { path: string }) => this.#restartsAt.delete(path),
      actorRestarted: ({ path }: { path: string }) => this.#restarted(path),
    };
    const limits = { askTimeoutMs: 500, deadLetterSamplesMax: 10_000 };
    this.kit = createTestKernel({ seed, observer, limits });
    this.#random = this.kit.random;
  }

  #wrong(what: string): void {
    this.#violations.push(what);
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  #restarted(path: string): void {
    this.#restarts++;
    const nowMs = this.kit.clock.monotonicMs();
    const times = (this.#restartsAt.get(path) ?? []).filter((atMs) => nowMs - atMs < withinMs);
    times.push(nowMs);
    this.#restartsAt.set(path, times);
    if (times.length > restartsMax) this.#wrong(`${path} restarted ${times.length} times`);
  }

  // ── inside the actors ──────────────────────────────────────────────────────────────────

  begin(context: ActorContext<LifeState>, plan: Plan): void {
    const key = context.ref.toString();
    const sent = this.#sent.get(plan.id);
    if (sent === undefined) this.#wrong(`${key} got message ${plan.id}, which was never sent`);
    const before = this.#running.get(key);
    if (before !== undefined && !isRevoked(before.context)) {
      this.#wrong(`${key} began ${plan.id} while it handled ${before.id}`);
    }
    if (this.#ended.has(key)) this.#wrong(`${key} began ${plan.id} after its end`);
    this.#running.set(key, { context, id: plan.id });
    if (plan.end === "stash") return;
    const lane = `${plan.sender}>${key}`;
    const last = this.#lastBegun.get(lane) ?? -1;
    if (plan.id < last) this.#wrong(`${lane}: ${plan.id} was handled after ${last}`);
    this.#lastBegun.set(lane, plan.id);
  }

  finish(context: ActorContext<LifeState>, plan: Plan): void {
    this.#running.delete(context.ref.toString());
    this.#handled.set(plan.id, (this.#handled.get(plan.id) ?? 0) + 1);
  }

  aside(context: ActorContext<LifeState>): void {
    this.#running.delete(context.ref.toString());
  }

  watched(): void {
    this.#watching++;
  }

  sawEnd(): void {
    this.#terminated++;
  }

  hook(context: { readonly ref: { toString(): string }; readonly path: string }): void {
    const key = context.ref.toString();
    const running = this.#running.get(key);
    if (running !== undefined && !isRevoked(running.context)) {
      this.#wrong(`${key} ended while it handled ${running.id}`);
    }
    const living = this.kit.kernel
      .actors()
      .filter(({ path }) => path.startsWith(`${context.path}/`));
    if (living.length > 0) this.#wrong(`${key} ended before ${living[0]?.path}`);
  }

  // ── outside ────────────────────────────────────────────────────────────────────────────

  add(worker: Worker): void {
    this.#handles.push(worker);
  }

  #plan(sender: number): Plan {
    const at = this.#below(100);
    const end =
      at < 60
        ? "reply"
        : at < 66
          ? "reject"
          : at < 72
            ? "soft"
            : at < 80
              ? "hard"
              : at < 84
                ? "upward"
                : at < 92
                  ? "stash"
                  : at < 96
                    ? "stop"
                    : at < 97
                      ? "never"
                      : "reply";
    const waitMs = this.#below(3) === 0 ? this.#below(40) : 0;
    return { id: this.#nextId++, sender, waitMs, end };
  }

  #send(): void {
    const to = this.#handles[this.#below(this.#handles.length)];
    if (to === undefined) return;
    const plan = this.#plan(this.#below(3));
    const asked = this.#below(3) === 0;
    const at = this.kit.clock.monotonicMs();
    this.#sent.set(plan.id, { plan, to: to.ref.toString(), asked, at });
    if (!asked) {
      to.tell.work(plan);
      return;
    }
    const timeoutMs = 20 + this.#below(400);
    to.with({ timeoutMs })
      .work(plan)
      .then(
        () => this.#settle(plan, "reply"),
        (error: unknown) => this.#settle(plan, isTroupeError(error) ? error.code : String(error)),
      );
  }

  #settle(plan: Plan, how: string): void {
    if (this.#asks.has(plan.id)) this.#wrong(`ask ${plan.id} settled twice`);
    this.#asks.set(plan.id, how);
    if (how === "TROUPE_ACTOR_STOPPED") this.#refused.add(plan.id);
  }

  #stopOne(): void {
    const target = this.#handles[this.#below(this.#handles.length)];
    if (target === undefined) return;
    const deadlineMs = this.#below(3) === 0 ? 0 : this.#below(100);
    const key = target.ref.toString();
    const dueMs = this.kit.clock.monotonicMs() + deadlineMs;
    void target.ref.stop({ deadlineMs }).then(() => {
      this.#ended.add(key);
      const lateMs = this.kit.clock.monotonicMs() - dueMs;
      if (lateMs > 0.5) this.#wrong(`${key} stopped ${lateMs} ms after its deadline`);
    });
  }

  async play(): Promise<Run> {
    const { kit } = this;
    const worker = workerOf(this, this.#random);
    for (let i = 0; i < 2; i++) this.add(kit.kernel.spawn(worker, `top${i}`, { props: 0 }));
    const steps = 10 + this.#below(30);
    for (let i = 0; i < steps; i++) {
      const kind = this.#below(20);
      if (kind < 16) this.#send();
      else if (kind < 18) await kit.advance(this.#below(60));
      else if (kind < 19) this.#stopOne();
      else await kit.settle();
    }
    await kit.advance(this.#below(100));
    const atMs = kit.clock.monotonicMs();
    await kit.run(kit.kernel.stop({ deadlineMs: 200 }));
    const tookMs = kit.clock.monotonicMs() - atMs;
    if (tookMs > 201) this.#wrong(`the stop of everything took ${tookMs} ms`);
    await kit.advance(1_000);
    this.#judge();
    return {
      seed: this.#seed,
      violations: this.#violations,
      messages: this.#sent.size,
      restarts: this.#restarts,
      revoked: this.#deadBefore,
    };
  }

  #judge(): void {
    const { kernel } = this.kit;
    if (kernel.actors().length > 0) this.#wrong("actors were left after the stop");
    if (this.kit.clock.timers > 0) this.#wrong(`${this.kit.clock.timers} timers were left`);
    const dead = new Set<number>();
    for (const letter of kernel.deadLetters.samples()) {
      if (letter.reason === "late-reply") continue;
      const [plan] = letter.message as [Plan];
      if (dead.has(plan.id)) this.#wrong(`message ${plan.id} died twice`);
      dead.add(plan.id);
    }
    for (const { plan, asked, to } of this.#sent.values()) {
      const handled = this.#handled.get(plan.id) ?? 0;
      if (handled > 1) this.#wrong(`message ${plan.id} was handled ${handled} times`);
      if (handled > 0 && dead.has(plan.id)) {
        this.#wrong(`message ${plan.id} was handled and became a dead letter`);
      }
      if (asked && !this.#asks.has(plan.id)) this.#wrong(`ask ${plan.id} never settled`);
      const isCut = [...this.#running.values()].some(({ id }) => id === plan.id);
      const isGone = handled > 0 || dead.has(plan.id) || this.#refused.has(plan.id) || isCut;
      if (!isGone)
        this.#wrong(
          `message ${plan.id} to ${to} is lost (${plan.end}, ${asked ? this.#asks.get(plan.id) : "told"})`,
        );
    }
    if (this.#terminated > this.#watching) this.#wrong("an end was told twice");
  }
}

function isRevoked(context: ActorContext<LifeState>): boolean {
  try {
    return context.state === undefined;
  } catch (error) {
    return isTroupeError(error, "TROUPE_REVOKED");
  }
}

interface WorkerCommands {
  readonly work: (plan: Plan) => Promise<number | Stashed>;
}
type Worker = Handle<WorkerCommands>;

function workerOf(run: ScheduleRun, random: Random) {
  const supervision = policy(random);
  const definition = defineActor("worker", {
    initialState: (self, depth: number): LifeState => {
      self.onStop(() => run.hook(self));
      if (depth < 2) {
        const count = Math.floor(random.next() * 3);
        for (let i = 0; i < count; i++) {
          run.add(self.spawn(definition, `w${i}`, { props: depth + 1 }));
        }
      }
      return { path: self.path, stashed: new Set() };
    },
    supervision,
  }).commands({
    work: async (actor, plan: Plan): Promise<number | Stashed> => {
      run.begin(actor, plan);
      if (plan.end === "stash" && !actor.state.stashed.has(plan.id)) {
        actor.state.stashed.add(plan.id);
        run.watched();
        actor.watch(actor.spawn(idle, `idle${plan.id}`), () => run.sawEnd());
        actor.timers.start(`unstash${plan.id}`, { afterMs: 10 }, (me) => me.unstashAll());
        run.aside(actor);
        return actor.stash();
      }
      if (plan.end === "never") await new Promise(() => {});
      if (plan.waitMs > 0) {
        await new Promise<void>((resolve) => actor.clock.setTimer(plan.waitMs, resolve));
      }
      // Throws when this life was revoked while it waited: then nothing of it counts.
      void actor.state;
      run.finish(actor, plan);
      if (plan.end === "soft") throw new Soft("soft");
      if (plan.end === "hard") throw new Hard("hard");
      if (plan.end === "upward") throw new Upward("upward");
      if (plan.end === "stop") actor.stop();
      return plan.id;
    },
  });
  return definition;
}

const idle = defineActor("idle", { initialState: () => ({}) }).commands({});

/** Plays one run from its seed. */
export function playSchedule(seed: number): Promise<Run> {
  return new ScheduleRun(seed).play();
}
