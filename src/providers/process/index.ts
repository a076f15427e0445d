/** Agents as plain processes of this machine. */
export { type ProcessProviderOptions, processProvider } from "./process-provider.ts";
