export { createSystem } from "./create-system.ts";
export { journalFolder } from "./open-stores.ts";
export type { Addressable, System } from "./system.ts";
export type { Definitions, SystemOptions } from "./system-options.ts";
