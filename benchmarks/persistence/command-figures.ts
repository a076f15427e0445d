/** Durable commands on persistent actors, from a load generator of its own, and the peers on the same work. */
import type { Bench, Figure } from "../suite.ts";
import type { ContenderOptions } from "./contender.ts";
import type { Load } from "./load-process.ts";
import { Session, type SessionMeasured } from "./session.ts";
import type { Store } from "./stores.ts";

/** Half seconds. A fast contender has done its commands before all of its code is compiled; a slow one stays cold, and its figures say so. */
const warmUpRounds = { min: 4, max: 8 };

export interface Case {
  readonly contender: ContenderOptions["contender"];
  readonly store: Store;
  readonly shards: number;
  readonly actors: number;
}

export interface Plan {
  /** Of each load. What a target is for is measured seven times: one stall of a shared machine must not decide the middle. */
  readonly runs: 3 | 7;
  /** Commands in flight, for closed loops. */
  readonly inFlight: readonly number[];
  /** Commands a second, for open loops, beside half of what the closed ones reached. */
  readonly rates: readonly number[];
  readonly halfOfMax: boolean;
}

export interface CaseFigures {
  /** By commands in flight. */
  readonly perSecond: ReadonlyMap<number, Figure>;
  /** Milliseconds, by rate. */
  readonly p99: ReadonlyMap<number, Figure>;
}

/** Runs one case: the process that is measured starts cold, is warmed up, and takes all loads in turn. */
export async function measureCase(bench: Bench, of: Case, plan: Plan): Promise<CaseFigures> {
  const { contender, store, shards, actors } = of;
  const seconds = bench.quick ? 0.6 : 2;
  const runs = bench.quick ? 1 : plan.runs;
  const session = await Session.start({ contender, store: store.address, shards, actors });
  const actorsText = `${actors.toLocaleString("en-US")} actor${actors === 1 ? "" : "s"}`;
  const name = `${store.name}, ${shards} shards, ${actorsText}`;
  const peer = session.peer === undefined ? {} : { peer: session.peer };
  const options = { durability: store.durability, ...peer };
  const perSecond = new Map<number, Figure>();
  const p99 = new Map<number, Figure>();
  const measure = async (load: Load): Promise<readonly SessionMeasured[]> => {
    const measured: SessionMeasured[] = [];
    for (let run = 0; run < runs; run++) measured.push(await session.run(load));
    return measured;
  };
  const record = (what: string, unit: string, values: readonly number[]): Figure =>
    bench.record(`${name}: ${what}`, { ...options, unit }, { values });
  try {
    await warmUp(session, bench.quick ? 20_000 : 100_000);
    for (const inFlight of plan.inFlight) {
      const measured = await measure({ kind: "closed", inFlight, seconds });
      const what = `${inFlight.toLocaleString("en-US")} in flight`;
      const rates = measured.map((one) => one.perSecond);
      perSecond.set(inFlight, record(what, "commands/s", rates));
      record(
        `${what}, p50`,
        "ms",
        measured.map((one) => one.p50Ms),
      );
      record(
        `${what}, p99`,
        "ms",
        measured.map((one) => one.p99Ms),
      );
      record(
        `${what}, processor`,
        "µs/command",
        measured.map((one) => one.cpuUs),
      );
    }
    const max = Math.max(...[...perSecond.values()].map(({ value }) => value));
    const half = plan.halfOfMax ? [Math.round(max / 2)] : [];
    for (const rate of [...half, ...plan.rates]) {
      // Half of the maximum is another number in every run: its name must not be.
      const isHalf = rate === half[0];
      const measured = await measure({ kind: "open", perSecond: rate, seconds });
      const what = isHalf ? "open loop at half" : `open loop at ${rate.toLocaleString("en-US")}/s`;
      if (isHalf) record(`${what}, rate`, "commands/s", [rate]);
      record(
        `${what}, p50`,
        "ms",
        measured.map((one) => one.p50Ms),
      );
      p99.set(
        rate,
        record(
          `${what}, p99`,
          "ms",
          measured.map((one) => one.p99Ms),
        ),
      );
    }
    return { perSecond, p99 };
  } finally {
    await session.stop();
  }
}

/** A cold process is another matter than a slow one: what is measured has done so much before. */
async function warmUp(session: Session, commands: number): Promise<void> {
  const { min, max } = warmUpRounds;
  for (let done = 0, round = 0; round < min || (done < commands && round < max); round++) {
    const { perSecond } = await session.run({ kind: "closed", inFlight: 1_000, seconds: 0.5 });
    done += perSecond * 0.5;
  }
}
