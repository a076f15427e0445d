/**
 * One contender in a process of its own, so that none is measured with another's garbage or type
 * feedback. Its parent sends what to do, one work at a time, and gets back the processor
 * time that it took.
 */
import type { Contender, WorkName } from "./work.ts";

// Loaded one by one: a contender should not carry the code of the others.
const contenders: Readonly<Record<string, () => Promise<Contender>>> = {
  troupe: async () => (await import("./contenders/troupe.ts")).troupe(),
  "troupe-messages": async () => (await import("./contenders/troupe.ts")).troupeMessages(),
  "troupe-deaf": async () => (await import("./contenders/observed-troupe.ts")).deafTroupe(),
  "troupe-prometheus": async () =>
    (await import("./contenders/observed-troupe.ts")).countedTroupe(),
  nact: async () => (await import("./contenders/nact.ts")).nactPeer(),
  xstate: async () => (await import("./contenders/xstate.ts")).xstatePeer(),
  effect: async () => (await import("./contenders/effect.ts")).effectPeer(),
  "effect-entity": async () => (await import("./contenders/effect-entity.ts")).effectEntityPeer(),
};

const name = process.argv[2] ?? "";
const make = contenders[name];
if (make === undefined || process.send === undefined) {
  throw new Error(
    `expected to be started by the suite with one of ${Object.keys(contenders).join(", ")}`,
  );
}
const contender = await make();
const send = process.send.bind(process);
send({ peer: contender.peer, works: Object.keys(contender.works) });

process.on("message", ({ work, count }: { work: WorkName; count: number }) => {
  void run(work, count);
});

async function run(work: WorkName, count: number): Promise<void> {
  const before = process.cpuUsage();
  await contender.works[work]?.(count);
  const { user, system } = process.cpuUsage(before);
  send({ cpuMs: (user + system) / 1_000 });
}
