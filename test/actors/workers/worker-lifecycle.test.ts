import { expect, test } from "vitest";
import {
  nextStatus,
  takesWork,
  type WorkerInput,
  type WorkerStatus,
} from "../../../src/actors/workers/worker-lifecycle.ts";

const statuses: readonly WorkerStatus[] = [
  "provisioning",
  "registering",
  "idle",
  "busy",
  "draining",
  "gone",
  "lost",
];

const inputs = {
  enrolled: { type: "enrolled" },
  "hello with nothing": { type: "hello", holding: 0, sameBoot: true },
  "hello with work": { type: "hello", holding: 2, sameBoot: true },
  "hello of a new process": { type: "hello", holding: 0, sameBoot: false },
  assigned: { type: "assigned" },
  "released one of two": { type: "released", holding: 1 },
  "released the last": { type: "released", holding: 0 },
  "drain with nothing": { type: "drain", holding: 0 },
  "drain with work": { type: "drain", holding: 1 },
  "lease over": { type: "lease-over" },
} satisfies Record<string, WorkerInput>;

test("the whole table", () => {
  const rows = statuses.flatMap((status) =>
    Object.entries(inputs).flatMap(([name, input]) => {
      const next = nextStatus(status, input);
      return next === undefined ? [] : [`${status} · ${name} → ${next}`];
    }),
  );
  expect(`\n${rows.join("\n")}\n`).toBe(`
provisioning · enrolled → registering
provisioning · hello with nothing → idle
provisioning · hello with work → busy
provisioning · hello of a new process → idle
provisioning · drain with nothing → gone
provisioning · drain with work → draining
provisioning · lease over → lost
registering · hello with nothing → idle
registering · hello with work → busy
registering · hello of a new process → idle
registering · drain with nothing → gone
registering · drain with work → draining
registering · lease over → lost
idle · hello with nothing → idle
idle · hello with work → busy
idle · hello of a new process → idle
idle · assigned → busy
idle · drain with nothing → gone
idle · drain with work → draining
idle · lease over → lost
busy · hello with nothing → idle
busy · hello with work → busy
busy · hello of a new process → idle
busy · assigned → busy
busy · released one of two → busy
busy · released the last → idle
busy · drain with nothing → gone
busy · drain with work → draining
busy · lease over → lost
draining · hello with nothing → gone
draining · hello with work → draining
draining · hello of a new process → idle
draining · released one of two → draining
draining · released the last → gone
draining · drain with nothing → gone
draining · drain with work → draining
draining · lease over → lost
gone · hello with nothing → idle
gone · hello with work → busy
gone · hello of a new process → idle
lost · hello with nothing → idle
lost · hello with work → busy
lost · hello of a new process → idle
lost · released one of two → lost
lost · released the last → lost
`);
});

test("only idle and busy workers take work", () => {
  expect(statuses.filter(takesWork)).toEqual(["idle", "busy"]);
});
