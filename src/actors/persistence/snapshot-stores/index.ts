export { type MemorySnapshotStoreOptions, memorySnapshotStore } from "./memory/index.ts";
