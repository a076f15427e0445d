export {
  openRedisSnapshotStore,
  type RedisOptions,
  type RedisSettings,
  type RedisSnapshotStoreOptions,
} from "./open-redis-snapshot-store.ts";
