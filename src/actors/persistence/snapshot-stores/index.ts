export { type MemorySnapshotStoreOptions, memorySnapshotStore } from "./memory/index.ts";
export {
  openRedisSnapshotStore,
  type RedisOptions,
  type RedisSettings,
  type RedisSnapshotStoreOptions,
} from "./redis/index.ts";
