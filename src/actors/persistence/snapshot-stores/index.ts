export { type MemorySnapshotStoreOptions, memorySnapshotStore } from "./memory/index.ts";
export { openRedisSnapshotStore, type RedisSnapshotStoreOptions } from "./redis/index.ts";
