export { type MemorySnapshotStoreOptions, memorySnapshotStore } from "./memory-snapshot-store.ts";
