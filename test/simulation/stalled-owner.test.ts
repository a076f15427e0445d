/**
 * U11: fencing writes does not fence reads and effects. An owner stalls, another one takes its shard and goes on, and
 * the first one wakes up without knowing. Whatever it was about to say or do then must be true, or not happen.
 *
 * Real systems over one log; a seed decides who stalls when and what is asked of whom.
 */
import { expect, test } from "vitest";
import { isTroupeError, seededRandom } from "../../src/actors/kernel/index.ts";
import { definePersistentActor, type System } from "../../src/index.ts";
import { crash, disk, freeze, settle, start } from "../actors/persistence/entity-fixture.ts";

const SEEDS = 40;
const ROUNDS = 60;

/** What callers were told and which effects were done, by all nodes. */
class Witness {
  told = 0;
  readonly acked = new Set<number>();
  readonly effects: number[] = [];
  stale = 0;
  unanswered = 0;
}

const witnesses = new Map<string, Witness>();

const Ledger = definePersistentActor("ledger", { initialState: (): number[] => [] })
  .events({ noted: (state, entry: number) => [...state, entry] })
  .commands({
    note: (ledger, entry: number) => {
      ledger.persist("noted", entry);
      ledger.afterCommit(() => witnesses.get(ledger.id)?.effects.push(entry));
    },
    noteRashly: (ledger, entry: number) => {
      ledger.persist("noted", entry);
      witnesses.get(ledger.id)?.effects.push(entry);
    },
    count: (ledger) => ledger.state.length,
    list: (ledger) => ledger.state,
  });

/** How the ledger is used: as it should be, or with one of two faults. */
interface Usage {
  readonly read?: "local";
  readonly note?: "noteRashly";
}

let histories = 0;

/** Notes and counts at random nodes while one or the other is stalled. */
async function history(seed: number, usage: Usage = {}): Promise<Witness> {
  const id = String(++histories);
  const witness = new Witness();
  witnesses.set(id, witness);
  const random = seededRandom(seed);
  const journal = disk(1);
  const systems = [await start({ journal, name: "one" }), await start({ journal, name: "two" })];
  const thaws = new Map<System, () => void>();
  const asked: Promise<unknown>[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const system = systems[random.next() < 0.5 ? 0 : 1] as System;
    const chance = random.next();
    if (chance < 0.12 && !thaws.has(system)) thaws.set(system, freeze(system));
    else if (chance < 0.3) thaw(thaws, system);
    else if (chance < 0.65) asked.push(note(system, witness, { id, entry: round, usage }));
    else asked.push(count(system, witness, { id, usage }));
    await settle(1 + Math.floor(random.next() * 8));
  }
  for (const system of systems) thaw(thaws, system);
  await Promise.all(asked);
  await compare(systems, journal, id);
  return witness;
}

function thaw(thaws: Map<System, () => void>, system: System): void {
  thaws.get(system)?.();
  thaws.delete(system);
}

async function note(
  system: System,
  witness: Witness,
  { id, entry, usage }: { readonly id: string; readonly entry: number; readonly usage: Usage },
): Promise<void> {
  try {
    await system.actor(Ledger, id)[usage.note ?? "note"](entry);
    witness.acked.add(entry);
    witness.told = Math.max(witness.told, witness.acked.size);
  } catch (error) {
    lost(witness, error);
  }
}

/** Sees at least what anybody was told before it was asked. */
async function count(
  system: System,
  witness: Witness,
  { id, usage: { read } }: { readonly id: string; readonly usage: Usage },
): Promise<void> {
  const { told } = witness;
  const ledger = system.actor(Ledger, id);
  try {
    const seen = await (read === undefined ? ledger : ledger.with({ read })).count();
    if (seen < told) witness.stale += 1;
    else if (read === undefined) witness.told = Math.max(witness.told, seen);
  } catch (error) {
    lost(witness, error);
  }
}

function lost(witness: Witness, error: unknown): void {
  if (!isTroupeError(error)) throw error;
  witness.unanswered += 1;
}

/** The log decides: a third process reads what there is. */
async function compare(systems: readonly System[], journal: ReturnType<typeof disk>, id: string) {
  for (const system of systems) crash(system);
  const reader = await start({ journal, name: "reader" });
  const log = await reader.actor(Ledger, id).list();
  const { effects, acked } = witnesses.get(id) as Witness;
  expect(new Set(log).size, "an entry counts twice").toBe(log.length);
  expect(new Set(effects).size, "an effect was done twice").toBe(effects.length);
  for (const entry of effects) expect(log, "an effect without its event").toContain(entry);
  for (const entry of acked) expect(log, "an acknowledged entry is lost").toContain(entry);
}

test(`U11: an owner that stalled says and does nothing that is not true (${SEEDS} histories)`, async () => {
  let effects = 0;
  let unanswered = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const witness = await history(seed);
    expect(witness.stale, `seed ${seed}: a read saw less than was told before it`).toBe(0);
    effects += witness.effects.length;
    unanswered += witness.unanswered;
  }
  // Both things happened: owners that kept the shard, and owners that woke up without it.
  expect(effects).toBeGreaterThan(SEEDS * 5);
  expect(unanswered).toBeGreaterThan(SEEDS / 2);
});

test("U11, the check notices: a read that is answered at once is stale after a stall", async () => {
  let stale = 0;
  for (let seed = 1; seed <= SEEDS && stale === 0; seed++) {
    ({ stale } = await history(seed, { read: "local" }));
  }
  expect(stale).toBeGreaterThan(0);
});

test("U11, the check notices: an effect that does not wait for its commit", async () => {
  const all = async (): Promise<void> => {
    for (let seed = 1; seed <= SEEDS; seed++) await history(seed, { note: "noteRashly" });
  };
  await expect(all()).rejects.toThrow("an effect without its event");
});
