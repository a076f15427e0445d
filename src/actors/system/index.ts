export { createSystem, journalFolder } from "./create-system.ts";
export type { Addressable, System } from "./system.ts";
export type { Definitions, SystemOptions } from "./system-options.ts";
