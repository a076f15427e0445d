export {
  openRedisSnapshotStore,
  type RedisSnapshotStoreOptions,
} from "./open-redis-snapshot-store.ts";
