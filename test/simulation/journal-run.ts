/** One random history of the journal protocol, from one seed, checked from beginning to end. */
import { type Mutation, SimulatedNode } from "./journal-node.ts";
import { Oracle, Violation } from "./journal-oracle.ts";
import { World } from "./journal-world.ts";
import { SnapshotWorld } from "./snapshot-world.ts";

const NODES = 3;
const STEPS_WITH_FAULTS = 800;
const STEPS_AFTER_FAULTS = 4_000;

export interface RunStats {
  readonly frames: number;
  readonly claims: number;
  readonly cuts: number;
  readonly deposed: number;
  readonly acked: number;
  /** Snapshots that were saved, and times that the store lost or had back what it held. */
  readonly snapshots: number;
  readonly wiped: number;
  readonly rolledBack: number;
}

/** @throws Violation, or whatever else went wrong. */
export async function runHistory(seed: number, mutation: Mutation = {}): Promise<RunStats> {
  // Thousands of histories run one after the other: the process gets a turn between two of them.
  await new Promise(setImmediate);
  const world = new World(seed, NODES);
  const oracle = new Oracle(world);
  const snapshots = new SnapshotWorld(world);
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error;
  };
  const nodes = Array.from(
    { length: NODES },
    (_, index) => new SimulatedNode({ world, oracle, snapshots }, mutation, { index, fail }),
  );
  for (let step = 0; step < STEPS_WITH_FAULTS && failure === undefined; step++) {
    if (world.draw() < 0.004) nodes[world.pick(NODES)]?.crash();
    if (world.step()) await settled();
    else world.skipIdle();
  }
  world.faults = false;
  await serveAgain(world, nodes, () => failure);
  if (failure !== undefined) throw failure;
  for (const node of nodes) node.stop();
  await drive(world, nodes[world.view.owner]?.checkRecovery());
  oracle.checkPromises();
  const { saved, ...lost } = snapshots.stats;
  return { ...oracle.stats, ...lost, snapshots: saved };
}

/** Lets the world go on until `work` is done. */
async function drive(world: World, work: Promise<void> | undefined): Promise<void> {
  let isDone = false;
  const done = work?.finally(() => {
    isDone = true;
  });
  done?.catch(() => {});
  for (let step = 0; !isDone && step < STEPS_AFTER_FAULTS; step++) {
    if (world.step()) await settled();
    else world.skipIdle();
  }
  if (!isDone) throw new Violation("the recovery does not end");
  await done;
}

/** With the faults gone, the node that the view names must confirm commits before long. */
async function serveAgain(
  world: World,
  nodes: readonly SimulatedNode[],
  failure: () => unknown,
): Promise<void> {
  const owner = nodes[world.view.owner] as SimulatedNode;
  const before = owner.confirmed;
  for (let step = 0; step < STEPS_AFTER_FAULTS; step++) {
    if (failure() !== undefined || owner.confirmed >= before + 3) return;
    if (world.step()) await settled();
    else world.skipIdle();
  }
  throw new Violation("nobody serves the shard after the faults have ended");
}

/**
 * Everything that one operation set off has come to rest: a tick's turn comes when no promise has work left. No real
 * I/O and no real timer is involved, so a round of the event loop, which costs several times as much, shows no more.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
