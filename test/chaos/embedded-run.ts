/** The embedded log under `kill -9`, and under two processes at once. */
import { join } from "node:path";
import { openEmbeddedJournal } from "../../src/actors/persistence/journals/index.ts";
import { journalFolder } from "../../src/actors/system/index.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import type { Run } from "./run.ts";

type Harm = "writer killed" | "writer frozen and deposed";

const deck: readonly Harm[] = [
  "writer killed",
  "writer killed",
  "writer killed",
  "writer frozen and deposed",
];

export function embeddedRun(options: Omit<LaneOptions, "name" | "store">): Run {
  const dataDir = join(options.folder, "data");
  const store = { kind: "embedded", shards: 8, dataDir } as const;
  const lane = new Lane({ ...options, name: "embedded", store });
  const does: Readonly<Record<Harm, () => Promise<void>>> = {
    "writer killed": () => lane.killBank(),
    "writer frozen and deposed": () => lane.takeOver(),
  };
  return {
    lane,
    deck: deck.map((kind) => ({ kind, does: does[kind] })),
    journal: () => openEmbeddedJournal({ directory: join(dataDir, journalFolder), readOnly: true }),
    stop: () => lane.stop(),
  };
}
