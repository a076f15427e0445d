import { defineConfig } from "vitest/config";

const fast = { testTimeout: 30_000, hookTimeout: 30_000 };
const slow = { testTimeout: 120_000, hookTimeout: 120_000 };

// `npm test` says which services cannot be had on this machine, and ends with what did not run.
const absent = (process.env["TROUPE_ABSENT_SERVICES"] ?? "").split(",");

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/{contracts,simulation,integration,docs}/**"],
          ...fast,
        },
      },
      { test: { name: "contract", include: ["test/contracts/**/*.test.ts"], ...slow } },
      { test: { name: "simulation", include: ["test/simulation/**/*.test.ts"], ...slow } },
      { test: { name: "docs", include: ["test/docs/**/*.test.ts"], ...slow } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          exclude: ["test/integration/{kafka,redis}-*.test.ts"],
          fileParallelism: false,
          ...slow,
        },
      },
      ...["kafka", "redis"]
        .filter((service) => !absent.includes(service))
        .map((service) => ({
          test: {
            name: service,
            include: [`test/integration/${service}-*.test.ts`],
            fileParallelism: false,
            ...slow,
          },
        })),
    ],
  },
});
