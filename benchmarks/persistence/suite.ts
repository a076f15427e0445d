import type { Bench, Suite } from "../suite.ts";
import { type CaseFigures, measureCase, type Plan } from "./command-figures.ts";
import { journalFigures } from "./journal-figures.ts";
import { recoveryFigures } from "./recovery-figures.ts";
import { embeddedStore, kafkaStore, redisStore, type Store } from "./stores.ts";

const closedLoops: Plan = { inFlight: [256, 1_000], rates: [], halfOfMax: true, runs: 3 };
const peersLoop: Plan = { inFlight: [256], rates: [], halfOfMax: false, runs: 3 };

/** What a store is held against: commands a second, and a rate with its p99. */
interface Target {
  readonly perSecond: number;
  readonly rate: number;
  readonly p99Ms: number;
}
const embeddedTarget: Target = { perSecond: 120_000, rate: 60_000, p99Ms: 10 };
const kafkaTarget: Target = { perSecond: 50_000, rate: 20_000, p99Ms: 15 };

async function withStore(start: () => Promise<Store>, work: (store: Store) => Promise<void>) {
  const store = await start();
  try {
    await work(store);
  } finally {
    await store.stop();
  }
}

/** 16 shards and 1,000 actors: what the targets are for. */
async function mainCase(bench: Bench, store: Store, target?: Target): Promise<CaseFigures> {
  const plan: Plan = { ...closedLoops, rates: target === undefined ? [] : [target.rate], runs: 7 };
  const figures = await measureCase(bench, { ...ours, store }, plan);
  const perSecond = figures.perSecond.get(1_000)?.value ?? Number.NaN;
  if (target !== undefined) {
    const { perSecond: atLeast, rate, p99Ms: atMost } = target;
    bench.state(`${store.name}, 1,000 in flight, commands/s`, perSecond, { atLeast });
    const p99Ms = figures.p99.get(rate)?.value ?? Number.NaN;
    bench.state(`${store.name}, p99 at ${rate.toLocaleString("en-US")}/s, ms`, p99Ms, { atMost });
  }
  return figures;
}

const ours = { contender: "troupe", shards: 16, actors: 1_000 } as const;

function compare(
  bench: Bench,
  name: string,
  [one, other]: readonly [CaseFigures, CaseFigures],
  { inFlight, atLeast }: { readonly inFlight: number; readonly atLeast?: number },
): void {
  const [first, second] = [one.perSecond.get(inFlight), other.perSecond.get(inFlight)];
  if (first === undefined || second === undefined) throw new Error(`${name}: nothing to compare`);
  bench.ratio(name, [first, second], atLeast === undefined ? undefined : { atLeast });
}

/** The target's case, then one actor alone, who must not be much slower than a thousand. */
async function ownCases(bench: Bench, store: Store, target?: Target): Promise<CaseFigures> {
  const many = await mainCase(bench, store, target);
  const plan: Plan = { inFlight: [1_000], rates: [], halfOfMax: !bench.quick, runs: 7 };
  const alone = await measureCase(bench, { ...ours, store, actors: 1 }, plan);
  const bounds = { inFlight: 1_000, atLeast: 0.8 };
  compare(bench, `${store.name}, one actor / many`, [alone, many], bounds);
  return many;
}

/** The rest of the table: a journal has its shards for life, so 64 of them are another one. */
async function otherCases(bench: Bench, of16: Store, of64: Store): Promise<void> {
  await measureCase(bench, { ...ours, store: of16, actors: 10_000 }, closedLoops);
  for (const actors of [1, 1_000, 10_000]) {
    await measureCase(bench, { ...ours, store: of64, shards: 64, actors }, closedLoops);
  }
}

async function embedded(bench: Bench, store: Store): Promise<void> {
  const figures = await ownCases(bench, store, embeddedTarget);
  const nact = await measureCase(bench, { ...ours, contender: "nact", store }, peersLoop);
  compare(bench, "embedded / nact over the same log", [figures, nact], { inFlight: 256 });
  await withStore(redisStore, async (redis) => {
    const bullmq = await measureCase(
      bench,
      { ...ours, contender: "bullmq", store: redis },
      peersLoop,
    );
    compare(bench, "embedded / BullMQ add, AOF always", [figures, bullmq], { inFlight: 256 });
  });
  if (!bench.quick) await withStore(embeddedStore, (of64) => otherCases(bench, store, of64));
}

async function kafka(bench: Bench, store: Store, target?: Target): Promise<void> {
  const figures = await ownCases(bench, store, target);
  const peer = { ...ours, contender: "record-per-event", store } as const;
  const records = await measureCase(bench, peer, peersLoop);
  compare(bench, `${store.name} / one record an event`, [figures, records], { inFlight: 256 });
  if (!bench.quick) await otherCases(bench, store, store);
}

export const suite: Suite = {
  name: "persistence",
  measured:
    "commands on persistent actors by the public API, each an event of about 200 bytes that is in the log before its answer; " +
    "from a load generator in a process of its own, over a socket in batches; time from the intended start; " +
    "processor time of the process with the actors, all its threads, which runs with --max-semi-space-size=64 like every peer's; recovery of one actor without a snapshot; and the embedded journal alone. " +
    "Embedded and Redis sync before they answer; one Kafka broker answers from memory, three copy first: no ratio crosses these classes",
  notMeasured:
    "a cold disk, a network, brokers on machines of their own (they share the cores here), snapshots in Redis; nact keeps no order of its own over the log and is not recovered",
  async run(bench) {
    for (const name of partNames(bench)) await parts[name](bench);
  },
};

const parts = {
  embedded: (bench: Bench) => withStore(embeddedStore, (store) => embedded(bench, store)),
  kafka1: (bench: Bench) =>
    withStore(
      () => kafkaStore(1),
      (store) => kafka(bench, store, kafkaTarget),
    ),
  kafka3: (bench: Bench) =>
    withStore(
      () => kafkaStore(3),
      (store) => kafka(bench, store),
    ),
  recovery: (bench: Bench) => recoveryFigures(bench),
  journal: (bench: Bench) => journalFigures(bench),
};
type PartName = keyof typeof parts;

/** `TROUPE_BENCH_PARTS`: some of them, for machines that are not one's own for long. Ratios stay within a part. */
function partNames(bench: Bench): readonly PartName[] {
  const asked = process.env["TROUPE_BENCH_PARTS"]?.split(",");
  const all = Object.keys(parts) as PartName[];
  if (asked === undefined) {
    return bench.quick ? all.filter((name) => name !== "kafka3" && name !== "journal") : all;
  }
  const unknown = asked.filter((name) => !(name in parts));
  if (unknown.length > 0) {
    throw new Error(`TROUPE_BENCH_PARTS names ${unknown.join(", ")}; there are ${all.join(", ")}`);
  }
  return asked as PartName[];
}
