/**
 * Imports point one way. Each rule says why, so that the one who breaks it knows what it protects.
 * Run by `npm run check`.
 */
const actors = (folders) => `^src/actors/(${folders})/`;

/** Folder → the folders of `src/actors` it may import. What is not listed here is forbidden. */
const mayImport = {
  kernel: {
    folders: "kernel",
    why: "The kernel runs anywhere, under virtual time, with no I/O: it can know nothing of what is built on it.",
  },
  persistence: {
    folders: "persistence|kernel",
    why: "The journal protocol must be testable without a cluster, a server or an agent.",
  },
  cluster: {
    folders: "cluster|persistence|kernel",
    why: "Membership and sharding move actors; they do not know what the actors do.",
  },
  telemetry: {
    folders: "telemetry|kernel",
    why: "Telemetry implements the kernel's observer port; nothing in the actors depends on a metrics library.",
  },
  logs: {
    folders: "logs|blobs|cluster|persistence|kernel",
    why: "The log path is byte streams by offset, sealed into blobs; it must not know about pipelines or agents.",
  },
  blobs: {
    folders: "blobs|kernel",
    why: "Blobs are addressed by content; who put them there is not their business.",
  },
  testing: {
    folders: "testing|system|persistence|kernel",
    why: "The test kit offers what users' own actors need; pipelines and agents are tested by running them.",
  },
  caches: {
    folders: "caches|blobs|cluster|persistence|kernel",
    why: "Caches are content under keys; whose they are, the server says.",
  },
  workers: {
    folders: "workers|cluster|persistence|kernel",
    why: "A worker stands for an agent and reports attempts through a port; it must not know pipelines.",
  },
  scheduler: {
    folders: "scheduler|workers|cluster|persistence|kernel",
    why: "The scheduler places attempts on workers; pipelines and sagas use it, never the reverse.",
  },
  pipelines: {
    folders: "pipelines|scheduler|workers|logs|cluster|persistence|kernel",
    why: "Runs sit on top: pipelines to scheduler to workers, one way.",
  },
  sagas: {
    folders: "sagas|scheduler|pipelines|cluster|persistence|kernel",
    why: "Sagas use the scheduler and the run handle of pipelines, nothing of their inside.",
  },
};

const folderRules = Object.entries(mayImport).map(([folder, { folders, why }]) => ({
  name: `${folder}-imports`,
  comment: why,
  severity: "error",
  from: { path: `^src/actors/${folder}/` },
  to: { path: "^(src|proto)/", pathNot: actors(folders) },
}));

export default {
  forbidden: [
    ...folderRules,
    {
      name: "no-circular",
      comment: "A cycle means that two files are one noun, or that one of them knows too much.",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "through-the-index",
      comment: "A folder's index.ts says what it offers; the rest may change without asking.",
      severity: "error",
      from: { path: "^src/(actors/([^/]+)|server|cli|agent)/" },
      to: {
        path: "^src/(actors/[^/]+|server|agent)/.+",
        pathNot: ["^src/$1/", "^src/(actors/[^/]+|server|agent)/index[.]ts$"],
      },
    },
    {
      name: "kernel-no-io",
      comment:
        "The kernel does no I/O; time and randomness come in through clock.ts and random.ts.",
      severity: "error",
      from: { path: "^src/actors/kernel/", pathNot: "^src/actors/kernel/(clock|random)[.]ts$" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?async_hooks$" },
    },
    {
      name: "nact-in-one-file",
      comment:
        "nact has known faults; one thin adapter works around all of them and can be replaced.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/actors/kernel/nact-[^/]+[.]ts$" },
      to: { path: "node_modules/nact/" },
    },
    {
      name: "kafkajs-in-one-folder",
      comment: "The journal speaks to kafkajs' inner cluster; only its adapter may know that.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/actors/persistence/journals/kafka/" },
      to: { path: "node_modules/kafkajs/" },
    },
    {
      name: "ioredis-in-one-folder",
      comment: "Redis is a cache behind a port; a system without it must not load its client.",
      severity: "error",
      from: {
        path: "^src/",
        pathNot: "^src/actors/persistence/snapshot-stores/redis/",
      },
      to: { path: "node_modules/ioredis/" },
    },
    {
      name: "aws-sdk-in-one-folder",
      comment: "S3 is one store behind a port; nothing else may know its client.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/actors/blobs/s3/" },
      to: { path: "node_modules/@(aws-sdk|smithy)/" },
    },
    {
      name: "providers-apart",
      comment:
        "A provider knows the port and its own client library: users install only what they use.",
      severity: "error",
      from: { path: "^src/providers/([^/]+)/" },
      to: {
        path: "^(src|proto)/",
        pathNot: ["^src/providers/$1/", "^src/providers/provider[.]ts$"],
      },
    },
    {
      name: "agent-alone",
      comment:
        "The agent ships alone into images and foreign machines: protos and itself, nothing else.",
      severity: "error",
      from: { path: "^src/agent/" },
      to: { path: "^(src|proto)/", pathNot: ["^src/agent/", "^proto/troupe/agent/"] },
    },
    {
      name: "server-not-cli",
      comment: "The server must run without a terminal.",
      severity: "error",
      from: { path: "^src/server/" },
      to: { path: "^src/(cli|agent|providers/[^/]+/)" },
    },
    {
      name: "no-test-code-in-src",
      comment: "What ships does not depend on what tests it.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|benchmarks|scripts)/" },
    },
    {
      name: "no-dev-dependency-in-src",
      comment: "A package that only developers have is missing on a user's machine.",
      severity: "error",
      from: { path: "^src/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "resolvable",
      comment: "An import that does not resolve fails at run time.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: "specify",
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
