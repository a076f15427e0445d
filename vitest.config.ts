import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// What ends a test that hangs. Random tests are bound by the processor, and a shared machine may be several times
// slower than a quiet one, so the bound says nothing about how long a test should take.
const timeouts = { testTimeout: 240_000, hookTimeout: 240_000 };

// `npm test` says which services cannot be had on this machine, and ends with what did not run.
const absent = (process.env["TROUPE_ABSENT_SERVICES"] ?? "").split(",");

/** Tests that put a module of their own in another's place: each needs modules of its own. */
const replacingModules = ["test/actors/kernel/schedule-faults.test.ts"];

/** All other tests of a worker share what they import: half of the time went into importing the same files again. */
const shared = { isolate: false, ...timeouts };

export default defineConfig({
  test: {
    reporters: ["default"],
    // Left to itself, vitest leaves one processor idle: half of a small machine.
    maxWorkers: availableParallelism(),
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/{contracts,simulation,integration,docs,long}/**", ...replacingModules],
          ...shared,
        },
      },
      { test: { name: "unit-apart", include: replacingModules, ...timeouts } },
      { test: { name: "contract", include: ["test/contracts/**/*.test.ts"], ...shared } },
      { test: { name: "simulation", include: ["test/simulation/**/*.test.ts"], ...shared } },
      { test: { name: "docs", include: ["test/docs/**/*.test.ts"], ...shared } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: ["test/integration/{kafka,redis,s3}-*.test.ts"],
          fileParallelism: false,
          ...timeouts,
        },
      },
      ...["kafka", "redis", "s3"]
        .filter((service) => !absent.includes(service))
        .map((service) => ({
          test: {
            name: service,
            include: [`test/integration/${service}-*.test.ts`],
            fileParallelism: false,
            ...timeouts,
          },
        })),
      // Full sizes, which `npm run ci:long` alone asks for.
      ...(process.env["TROUPE_LONG"] === "1"
        ? [
            {
              test: {
                name: "long",
                include: ["test/long/**/*.test.ts"],
                fileParallelism: false,
                ...timeouts,
              },
            },
          ]
        : []),
    ],
  },
});
